//! E2: the documents that the documentation shows are valid as they stand, and what it lists is what there is.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/library.rs"]
mod library;
#[path = "support/repository.rs"]
mod repository;

use std::path::{Path, PathBuf};

use policy_core::compile::{Source, SourceKind, compile};
use policy_core::decision::Code;
use repository::{repository, text};

/// Fenced blocks of a Markdown text: info string and contents.
fn blocks(markdown: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in markdown.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, contents)), None) => {
                contents.push_str(line);
                contents.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[track_caller]
fn assert_valid(sources: &[Source]) {
    let compiled = compile(sources);
    assert!(compiled.set.is_some(), "{:#?}", compiled.diagnostics);
}

#[test]
fn the_complete_documents_of_the_language_reference_compile_together() {
    let mut sources = Vec::new();
    for (info, contents) in blocks(&text("docs/language.md")) {
        let kind = match info.as_str() {
            "json,template" => SourceKind::Template,
            "json,catalog" => SourceKind::Catalog,
            "json,gateway" => SourceKind::Gateway,
            _ => continue,
        };
        sources.push(Source { name: format!("docs/language.md, block {}", sources.len()), kind, text: contents });
    }
    assert!(sources.len() >= 5, "{} complete documents", sources.len());
    assert_valid(&sources);
}

/// The example a newcomer reads first.
#[test]
fn the_example_of_the_readme_is_valid() {
    let (_, template) = blocks(&text("README.md")).into_iter().find(|(info, _)| info == "json").expect("an example");
    let source = |name: &str, kind| Source { name: name.to_owned(), kind, text: text(name) };
    assert_valid(&[
        source("policies/gateway.json", SourceKind::Gateway),
        source("policies/catalogs/woocommerce-v3.json", SourceKind::Catalog),
        Source { name: "README.md".to_owned(), kind: SourceKind::Template, text: template },
    ]);
}

#[test]
fn every_reason_code_is_documented() {
    let reference = text("docs/language.md");
    for code in Code::ALL {
        assert!(reference.contains(&format!("`{}`", code.text())), "docs/language.md does not explain `{code}`");
    }
}

/// C5: whoever sends a command finds what each refusal means.
#[test]
fn every_refusal_of_a_command_is_documented() {
    let reference = text("docs/operations.md");
    for refused in policy_core::control::Refused::all() {
        let row = format!("| `{}` | {} |", refused.code(), refused.status());
        assert!(reference.contains(&row), "docs/operations.md has no row `{row}`");
    }
}

/// E1: they are named for their agent, and say who answers for it.
#[test]
fn templates_of_the_library_are_complete_pages() {
    let mut pages = 0;
    for entry in std::fs::read_dir(library::folder()).expect("the library") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !name.starts_with("agent-policy-") {
            continue;
        }
        let page: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("JSON");
        let agent = page["agent"]["name"].as_str().expect("a name");
        assert!(name.ends_with(&format!("-{agent}.json")), "{name}");
        for member in ["purpose", "impact"] {
            assert!(page["agent"][member].is_string(), "{name}: {member}");
        }
        for member in ["owners", "observability", "incident", "approvers"] {
            assert!(page[member].as_object().is_some_and(|object| !object.is_empty()), "{name}: {member}");
        }
        pages += 1;
    }
    assert_eq!(pages, 23);
}

/// Every file of this kind in a folder and in those below it.
fn files_below(folder: &Path, kind: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, kind, found);
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
}

/// The code map names every file, and no file that is not there.
#[test]
fn the_code_map_is_the_code() {
    let map = text("ARCHITECTURE.md");
    let mut files = Vec::new();
    for member in ["policy-core/src", "envoy-filter/src", "test-harness/src", "xtask/src"] {
        files_below(&repository(member), "rs", &mut files);
    }
    let names: Vec<String> =
        files.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    for (path, name) in files.iter().zip(&names) {
        let stem = name.trim_end_matches(".rs");
        let known = map.contains(&format!("`{name}`"))
            || map.contains(&format!("/{name}`"))
            || map.contains(&format!("`{stem}`"))
            || name == "mod.rs";
        assert!(known, "ARCHITECTURE.md does not name {}", path.display());
    }
    for member in ["policy-core/tests", "test-harness/tests"] {
        files_below(&repository(member), "rs", &mut files);
    }
    let names: Vec<String> =
        files.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    let quoted = map.split('`').skip(1).step_by(2).filter(|text| text.ends_with(".rs") && !text.contains('*'));
    for quoted in quoted {
        let name = quoted.rsplit('/').next().unwrap_or_default();
        assert!(names.iter().any(|known| known == name) || repository(quoted).exists(), "no file `{quoted}`");
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Text outside of fenced blocks, line by line.
fn prose(markdown: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    markdown.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// Links within the documentation lead to a file that is there, and to a heading of it.
#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let mut files = vec![repository("README.md"), repository("ARCHITECTURE.md")];
    files_below(&repository("docs"), "md", &mut files);
    let mut followed = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for line in prose(&text) {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
                if link.contains("://") {
                    continue;
                }
                let place = format!("{}: {link}", file.display());
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                let folder = file.parent().expect("a file lies in a folder");
                let target = if path.is_empty() { file.clone() } else { folder.join(path) };
                assert!(target.exists(), "{place}: no such file");
                if !heading.is_empty() {
                    let text = std::fs::read_to_string(&target).unwrap_or_else(|e| panic!("{place}: {e}"));
                    let mut headings = prose(&text).filter(|line| line.starts_with('#'));
                    let known = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
                    assert!(known, "{place}: no such heading");
                }
                followed += 1;
            }
        }
    }
    assert!(followed > 100, "{followed} links");
}

/// Whoever opens the folder of examples finds every chapter.
#[test]
fn every_chapter_of_the_examples_is_in_its_contents() {
    let contents = text("docs/examples/README.md");
    let mut files = Vec::new();
    files_below(&repository("docs/examples"), "md", &mut files);
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(name == "README.md" || contents.contains(&format!("]({name})")), "no link to {name}");
    }
}
