//! What [`super::documents::PAGE`] allows, said a second time and in another way: raw paths are compared as text, bodies
//! read by `serde_json`, names decoded as PHP does. What the core allows and this does not is a finding.

use serde_json::Value;

use super::message::Message;

/// Panics when a request that was allowed is none the page speaks of.
pub fn assert_allowed(message: &Message) {
    let text = |name: &str| String::from_utf8(message.header(name).unwrap_or_default().to_vec()).expect("ASCII");
    let (method, target) = (text(":method"), text(":path"));
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    for name in query.split(['&', ';']).map(|pair| pair.split('=').next().unwrap_or_default()) {
        let name = php_name(name.as_bytes());
        assert!(
            !["_method", "rest_route"].contains(&name.as_str()),
            "{name} replaces the method or the route: {target}"
        );
    }
    let path = path.strip_prefix("/v3/").unwrap_or_else(|| panic!("outside of the API: {target}"));
    let place: Vec<&str> = path.split('/').collect();
    match (method.as_str(), place.as_slice()) {
        ("GET" | "HEAD", ["products"]) | ("POST", ["products", "search"]) => {}
        ("GET" | "HEAD", ["products", id]) => assert_id(id, &target),
        ("GET" | "HEAD", ["exports", file]) => {
            let name = file.strip_suffix(".csv").unwrap_or_else(|| panic!("exports end in `.csv`: {target}"));
            assert!(!name.is_empty(), "an export has a name: {target}");
        }
        ("PUT" | "PATCH" | "POST", ["products", "batch"]) => {
            let body = object(message);
            assert_eq!(method, "POST", "{target}");
            for (list, rows) in body.as_object().expect("an object") {
                assert_eq!(list, "update", "only updates are permitted in a batch: {body}");
                let rows = rows.as_array().unwrap_or_else(|| panic!("rows are a list: {body}"));
                assert!(rows.len() <= 3, "three rows at most: {body}");
                rows.iter().for_each(|row| assert_product(row, true));
            }
        }
        ("PUT" | "PATCH" | "POST", ["products", id]) => {
            assert_id(id, &target);
            assert_product(&object(message), false);
        }
        ("PUT", ["orders", id]) => {
            assert_id(id, &target);
            let body = object(message);
            assert!(
                body.as_object().expect("an object").keys().all(|name| name == "status"),
                "only the status: {body}"
            );
            // No status is no change of it.
            assert!(matches!(body["status"].as_str(), None | Some("paid" | "sent")), "paid or sent: {body}");
        }
        _ => panic!("no rule speaks of {method} {target}"),
    }
}

/// Digits without a leading zero.
fn assert_id(id: &str, target: &str) {
    let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits && (id == "0" || !id.starts_with('0')), "not one spelling of one id: {target}");
}

fn object(message: &Message) -> Value {
    let value: Value = serde_json::from_slice(&message.body).expect("an allowed write has a JSON body");
    assert!(value.is_object(), "an allowed write has an object for its body: {value}");
    value
}

/// A change that one of the two rules on products permits.
fn assert_product(row: &Value, in_batch: bool) {
    let members = row.as_object().unwrap_or_else(|| panic!("a row is an object: {row}"));
    let only = |names: &[&str]| members.keys().all(|name| names.contains(&name.as_str()) || (in_batch && name == "id"));
    let toy = row["category"] == "toys";
    assert_ne!(row["category"], "books", "books are forbidden: {row}");
    let price = number(&row["price"]);
    if let Some(price) = price {
        assert!(price > 0.0, "a price of nothing is forbidden: {row}");
    }
    let priced = only(&["price", "stock", "category"]) && price.is_none_or(|price| price <= 10.0);
    let named = only(&["name", "category", "price"]) && toy;
    assert!(priced || named, "no rule permits {row}");
}

/// The number that a JSON number, or a string of one, stands for.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => Some(text.parse().unwrap_or_else(|_| panic!("not a number: {value}"))),
        Value::Number(number) => number.as_f64(),
        Value::Null => None,
        _ => panic!("not a number: {value}"),
    }
}

/// The name under which PHP knows a parameter (`php_register_variable_ex`): leading blanks are dropped, the name ends at
/// NUL, and a blank, a point or an unclosed bracket is an underscore.
fn php_name(raw: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        let hex = |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
        match (byte, tail.get(..2).and_then(hex)) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            _ => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    let whole = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let name: String = String::from_utf8_lossy(whole).trim_start_matches(' ').replace(['.', ' '], "_");
    match (name.find('['), name.find(']')) {
        (Some(open), None) => format!("{}_{}", &name[..open], &name[open + 1..]),
        (Some(open), Some(_)) => name[..open].to_string(),
        _ => name,
    }
}
