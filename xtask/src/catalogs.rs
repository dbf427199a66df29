//! The endpoints of the library's catalogs, written from tables that people can review.

mod json;
mod table;
mod update;

use std::fs;
use std::path::{Path, PathBuf};

use crate::step::Failure;
use crate::toolchain::workspace;
use table::{EFFECTS, Table};
use update::Update;

/// Where the catalogs lie, below the workspace.
const CATALOGS: &str = "policies/catalogs";
/// Where their tables lie, below the catalogs.
const TABLES: &str = "endpoints";

/// A catalog that has a table.
struct Catalog {
    name: String,
    table: Table,
    before: String,
    update: Update,
}

/// Writes the endpoints and effects of every catalog that has a table, or says which differ from theirs.
pub(crate) fn run(verify: bool) -> Result<(), Failure> {
    let catalogs = read_all(&workspace())?;
    for catalog in &catalogs {
        println!("{}", summary(&catalog.name, &catalog.table));
    }
    if verify {
        let said: Vec<String> = catalogs.iter().filter_map(difference).collect();
        return if said.is_empty() { Ok(()) } else { Err(Failure::new(said.join("\nerror: "))) };
    }
    for catalog in catalogs.iter().filter(|catalog| catalog.update.text != catalog.before) {
        let path = file(&workspace(), &catalog.name);
        fs::write(&path, &catalog.update.text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        eprintln!("wrote {CATALOGS}/{}.json: {}", catalog.name, some(&catalog.update.changed));
    }
    Ok(())
}

/// Every catalog that has a table, by name.
fn read_all(root: &Path) -> Result<Vec<Catalog>, Failure> {
    let folder = root.join(CATALOGS).join(TABLES);
    let entries = fs::read_dir(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".txt")?.to_owned())).collect();
    names.sort();
    names.into_iter().map(|name| read(root, name)).collect()
}

fn read(root: &Path, name: String) -> Result<Catalog, Failure> {
    let own = format!("{CATALOGS}/{TABLES}/{name}.txt");
    let text = fs::read_to_string(root.join(&own)).map_err(|e| Failure::new(format!("{own}: {e}")))?;
    let table = table::read(&text).map_err(|faults| failure(&own, &faults))?;
    let own = format!("{CATALOGS}/{name}.json");
    let before = fs::read_to_string(file(root, &name)).map_err(|e| {
        let message = format!("{own}: {e}; write the catalog first, with `\"resources\": {{}}`, or rename its table");
        Failure::new(message)
    })?;
    let update = update::update(&before, &table).map_err(|faults| failure(&own, &faults))?;
    Ok(Catalog { name, table, before, update })
}

fn file(root: &Path, name: &str) -> PathBuf {
    root.join(CATALOGS).join(format!("{name}.json"))
}

fn failure(file: &str, faults: &[String]) -> Failure {
    Failure::new(faults.iter().map(|fault| format!("{file}: {fault}")).collect::<Vec<_>>().join("\nerror: "))
}

/// What to say of a catalog that is not what its table gives.
fn difference(catalog: &Catalog) -> Option<String> {
    let name = &catalog.name;
    (catalog.update.text != catalog.before).then(|| {
        format!(
            "{CATALOGS}/{name}.json is not what {CATALOGS}/{TABLES}/{name}.txt gives: {}; change the table and run `cargo xtask catalogs`",
            some(&catalog.update.changed)
        )
    })
}

/// The first of them, and how many there are.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn summary(name: &str, table: &Table) -> String {
    let count = |effect: &str| -> usize {
        table.actions.iter().filter(|action| action.effect == effect).map(table::Action::lines).sum()
    };
    let by_effect: Vec<String> = EFFECTS.iter().map(|effect| format!("{} {effect}", count(effect))).collect();
    let all: usize = table.actions.iter().map(table::Action::lines).sum();
    format!("{name}: {all} endpoints, {} actions: {}", table.actions.len(), by_effect.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogs_of_the_library_are_what_their_tables_give() {
        let catalogs = match read_all(&workspace()) {
            Ok(catalogs) => catalogs,
            Err(failure) => panic!("{}", failure.message),
        };
        let names: Vec<&str> = catalogs.iter().map(|catalog| catalog.name.as_str()).collect();
        for expected in ["github", "klaviyo", "openai", "stripe-v1", "woocommerce-v3"] {
            assert!(names.contains(&expected), "no table for {expected}");
        }
        let said: Vec<String> = catalogs.iter().filter_map(difference).collect();
        assert!(said.is_empty(), "{}", said.join("\n"));
    }

    #[test]
    fn a_catalog_that_differs_is_named_with_what_to_run() {
        let table = table::read("# api_version: v2\n# source: s\nGET /a\ta.list\tread\nPOST /a\ta.create\tgate\n")
            .expect("a table");
        let before = r#"{"api_version": "v1", "source": "s", "resources": {}}"#.to_owned();
        let update = update::update(&before, &table).expect("an update");
        assert_eq!(summary("shop", &table), "shop: 2 endpoints, 2 actions: 1 read, 0 safe, 1 gate, 0 door, 0 brake");
        let catalog = Catalog { name: "shop".into(), table, before, update };
        assert_eq!(
            difference(&catalog).expect("a difference"),
            "policies/catalogs/shop.json is not what policies/catalogs/endpoints/shop.txt gives: api_version, `a` (new); change the \
             table and run `cargo xtask catalogs`"
        );
    }
}
