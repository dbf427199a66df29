//! What the body of an answer says of being one page of several.
//!
//! APIs say it in many ways. Only what stands against the list is taken from names that are merely alike: such a name that
//! means something else makes a total unknown, never too small.

use alloc::string::String;

use crate::document::{Kind, Path, Step, Value};

/// Names of where the next page is. Names here and below: lower case, letters and digits alone.
const NEXT: [&str; 11] = [
    "next",
    "nextpage",
    "nextlink",
    "nextcursor",
    "nextpagetoken",
    "nexttoken",
    "nexturl",
    "nexturi",
    "nextpageurl",
    "nextpagelink",
    "odatanextlink",
];
/// Whether there is another page.
const MORE: [&str; 3] = ["hasmore", "hasnext", "hasnextpage"];
/// How many elements there are.
const TOTAL: [&str; 5] = ["total", "totalcount", "totalitems", "totalresults", "totalelements"];
/// How many elements a page holds.
const SIZE: [&str; 3] = ["limit", "perpage", "pagesize"];
/// Members that speak of pages.
const ABOUT: [&str; 6] = ["meta", "pagination", "pageinfo", "paging", "page", "links"];

/// What is said against a list being whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Against {
    /// There is more than this.
    pub(super) more: bool,
    /// The page is full: it is smaller than what was asked for.
    pub(super) full: bool,
}

/// What an answer says against the list at `at` being whole, which has `count` elements: in its root, in the objects on the
/// way to the list, and in the members of these that speak of pages.
pub(super) fn against(root: Value<'_>, at: &Path, count: usize) -> Against {
    let mut found = Against::default();
    let mut holder = Some(root);
    let mut steps = at.0.iter();
    while let Some(object) = holder.filter(|value| value.kind() == Kind::Object) {
        said(object, count, &mut found);
        for child in object.children() {
            about(child, count, 2, &mut found);
            for inner in child.children().filter(|_| child.kind() == Kind::Object) {
                about(inner, count, 1, &mut found);
            }
        }
        holder = match steps.next() {
            Some(Step::Member(name)) => object.member(name),
            _ => None,
        };
    }
    found
}

/// A member that speaks of pages, and such members of it.
fn about(value: Value<'_>, count: usize, depth: u32, found: &mut Against) {
    let name = plain(value.name());
    if depth == 0 || !ABOUT.contains(&name.as_str()) {
        return;
    }
    match value.kind() {
        Kind::Object => {
            said(value, count, found);
            value.children().for_each(|child| about(child, count, depth - 1, found));
        }
        // Links as a list, each with its relation.
        Kind::Array => {
            let next = |link: Value<'_>| link.member("rel").and_then(Value::string) == Some("next");
            found.more |= value.children().any(next);
        }
        _ => {}
    }
}

/// What the members of an object say.
fn said(object: Value<'_>, count: usize, found: &mut Against) {
    for value in object.children() {
        let name = plain(value.name());
        let is_one_of = |names: &[&str]| names.contains(&name.as_str());
        let nothing = matches!(value.kind(), Kind::Null | Kind::Bool(false)) || value.string() == Some("");
        if nothing {
            continue;
        }
        let text = value.number().or_else(|| value.string());
        let number = text.and_then(|text| text.parse::<usize>().ok());
        if is_one_of(&NEXT) {
            found.more = true;
        } else if is_one_of(&MORE) {
            found.more |= value.string().is_none_or(|text| !text.eq_ignore_ascii_case("false"));
        } else if is_one_of(&TOTAL) {
            found.more |= text.is_some() && number != Some(count);
        } else if name == "totalpages" {
            found.more |= text.is_some() && !matches!(number, Some(0 | 1));
        } else if is_one_of(&SIZE) {
            found.full |= number.is_some_and(|size| size <= count);
        }
    }
}

/// A name in lower case, letters and digits alone. No name that is looked for is longer than this reads.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).take(16);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::document::read_json;

    fn of(body: &str, at: &str) -> (bool, bool) {
        let document = read_json(body.as_bytes().to_vec()).unwrap();
        let Against { more, full } = against(document.root(), &Path::parse(at).unwrap(), 2);
        (more, full)
    }

    #[test]
    fn an_answer_says_that_there_is_more() {
        for member in [
            r#""next_page_token":"a""#,
            r#""nextCursor":"a""#,
            r#""next":"/orders?page=2""#,
            r#""next-page":2"#,
            r#""@odata.nextLink":"https://a""#,
            r#""has_more":true"#,
            r#""has_more":"true""#,
            r#""hasNextPage":1"#,
            r#""total":3"#,
            r#""totalCount":"3""#,
            r#""total_items":1"#,
            r#""total_results":"many""#,
            r#""total_pages":2"#,
            r#""totalPages":"2""#,
        ] {
            for body in [
                format!(r#"{{"list":[1,2],{member}}}"#),
                format!(r#"{{"list":[1,2],"meta":{{{member}}}}}"#),
                format!(r#"{{"list":[1,2],"meta":{{"pagination":{{{member}}}}}}}"#),
                format!(r#"{{"list":[1,2],"answer":{{"page_info":{{{member}}}}}}}"#),
                format!(r#"{{"list":[1,2],"_links":{{{member}}}}}"#),
            ] {
                assert_eq!(of(&body, "/list"), (true, false), "{body}");
            }
            // Beside the list, however deep that is; not in what has nothing to do with pages.
            let deep = format!(r#"{{"a":{{"b":{{"list":[1,2],"pageInfo":{{{member}}}}}}}}}"#);
            assert_eq!(of(&deep, "/a/b/list"), (true, false), "{deep}");
            let other = format!(r#"{{"list":[1,2],"customer":{{{member}}}}}"#);
            assert_eq!(of(&other, "/list"), (false, false), "{other}");
        }
        assert_eq!(of(r#"{"list":[1,2],"links":[{"rel":"self"},{"rel":"next"}]}"#, "/list"), (true, false));
        assert_eq!(of(r#"{"list":[1,2],"links":[{"rel":"self"}]}"#, "/list"), (false, false));
    }

    #[test]
    fn an_answer_says_nothing_against_it() {
        for member in [
            r#""next":null"#,
            r#""next_cursor":"""#,
            r#""nextLink":false"#,
            r#""has_more":false"#,
            r#""hasNextPage":"false""#,
            r#""hasMore":null"#,
            r#""total":2"#,
            r#""totalcount":"2""#,
            r#""total":null"#,
            r#""total_pages":1"#,
            r#""count":7"#,
            r#""cursor":"a""#,
            r#""limit":3"#,
        ] {
            assert_eq!(of(&format!(r#"{{"list":[1,2],{member}}}"#), "/list"), (false, false), "{member}");
        }
        assert_eq!(of("[1,2]", ""), (false, false));
    }

    #[test]
    fn a_page_that_was_cut_is_not_short() {
        for member in [r#""limit":2"#, r#""per_page":"2""#, r#""pageSize":1"#] {
            assert_eq!(of(&format!(r#"{{"list":[1,2],"meta":{{{member}}}}}"#), "/list"), (false, true), "{member}");
        }
    }
}
