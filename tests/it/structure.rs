//! The shape of the sources: which room uses which, the map for readers, and the crates that must be there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether a file holds tests only: they may put a room together with those around it.
fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs")
        || file.components().any(|part| part.as_os_str() == "tests")
}

/// The rows of the table under `header`, as cells without the outer bars.
fn table(text: &str, header: &str) -> Vec<Vec<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with(header))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The words between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn rooms_use_only_the_rooms_that_they_may() {
    let page = read("docs/rooms.md");
    let allowed: BTreeMap<String, Vec<String>> = table(&page, "| room |")
        .into_iter()
        .map(|row| {
            let may_use = row[2].split(',').map(|room| room.trim().to_owned()).collect();
            (row[0].trim_matches('`').to_owned(), may_use)
        })
        .collect();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root().join("src")).expect("the sources") {
        let path = entry.expect("an entry").path();
        if !path.is_dir() {
            continue;
        }
        let room = path.file_name().expect("a name").to_string_lossy().into_owned();
        let Some(may_use) = allowed.get(&room) else {
            wrong.push(format!("the room {room} is not in docs/rooms.md"));
            continue;
        };
        for file in sources(&path).into_iter().filter(|file| !is_test(file)) {
            for line in std::fs::read_to_string(&file).expect("a source").lines() {
                let Some((_, used)) = line.split_once("crate::") else { continue };
                let used: String =
                    used.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
                if used != room && allowed.contains_key(&used) && !may_use.contains(&used) {
                    wrong.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_leads_to_what_exists() {
    let page = read("docs/map.md");
    let rows = table(&page, "| theirs |");
    assert!(rows.len() >= 8);
    for row in rows {
        let words = quoted(&row[1]);
        let (place, names) = words.split_first().expect("a place");
        let place = root().join(place);
        let files = if place.is_dir() { sources(&place) } else { vec![place.clone()] };
        let text: String = files
            .iter()
            .map(|file| {
                std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
            })
            .collect();
        for name in names {
            let defined = ["fn ", "struct ", "enum ", "trait ", "type "].iter().any(|keyword| {
                text.match_indices(&format!("{keyword}{name}")).any(|(at, found)| {
                    text[at + found.len()..].starts_with(|next: char| !next.is_alphanumeric() && next != '_')
                })
            });
            assert!(defined || text.contains(&format!("{name},")), "{name} is not in {}", place.display());
        }
    }
}

#[test]
fn the_crates_that_must_be_there_are_used() {
    let manifest = read("Cargo.toml");
    let dependencies = manifest.split("[dependencies]").nth(1).expect("dependencies");
    let dependencies = dependencies.split("\n[").next().expect("a section");
    let code: String = sources(&root().join("src"))
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).expect("a source");
            text.lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .join("\n");
    for name in ["tokio", "hyper", "serde_json", "reqwest", "notify", "md5", "tracing"] {
        assert!(
            dependencies.lines().any(|line| line.starts_with(&format!("{name} "))),
            "{name} is no dependency"
        );
        let path = if name == "notify" { "::notify::" } else { &format!("{name}::") };
        assert!(code.contains(path), "{name} is not used in src");
    }
    let bare = code.lines().filter(|line| {
        line.match_indices("notify::")
            .any(|(at, _)| !line[..at].ends_with("::") && !line[..at].ends_with('_'))
    });
    assert_eq!(
        bare.collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "write ::notify for the crate, crate::notify for the room"
    );
}
