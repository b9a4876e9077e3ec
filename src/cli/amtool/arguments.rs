//! Command lines as amtool takes them: flags may stand before the command, a command may be left out where there is a
//! usual one (`alert` means `alert query`), and what a configuration file says is there for those flags that are not
//! given.
//!
//! The files are `$HOME/.config/amtool/config.yml` and `/etc/amtool/config.yml`: a mapping of the names of flags to
//! their values; of two values the first file's counts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Command;

use crate::config::ConfigError;
use crate::config::yaml::{Decode as _, read};

/// A command, the usual one below it, and all below it.
struct Node {
    name: &'static str,
    usual: Option<&'static str>,
    below: &'static [Self],
}

const fn leaf(name: &'static str) -> Node {
    Node { name, usual: None, below: &[] }
}

const COMMANDS: &[Node] = &[
    Node { name: "alert", usual: Some("query"), below: &[leaf("query"), leaf("add")] },
    Node {
        name: "silence",
        usual: Some("query"),
        below: &[leaf("query"), leaf("add"), leaf("expire"), leaf("update"), leaf("import")],
    },
    Node {
        name: "config",
        usual: Some("show"),
        below: &[
            leaf("show"),
            Node { name: "routes", usual: Some("show"), below: &[leaf("show"), leaf("test")] },
        ],
    },
    Node { name: "cluster", usual: Some("show"), below: &[leaf("show")] },
];

/// The flags of [`super::Amtool`] that take a value, and those that take none.
const WITH_VALUE: [&str; 7] = [
    "--date.format",
    "--alertmanager.url",
    "--output",
    "-o",
    "--timeout",
    "--http.config.file",
    "--enable-feature",
];
const WITHOUT_VALUE: [&str; 4] = ["--verbose", "-v", "--version-check", "--no-version-check"];

/// A command line with its command first and whole, and with what the configuration files say. One that is not about
/// these commands stays as it is.
pub(in crate::cli) fn normalise(
    arguments: Vec<OsString>,
    program: &Command,
) -> Result<Vec<OsString>, ConfigError> {
    let Some((path, rest)) = command_first(&arguments) else { return Ok(arguments) };
    let mut command = program;
    for name in &path {
        let Some(below) = command.find_subcommand(name) else { return Ok(arguments) };
        command = below;
    }
    let defaults = from_files(&files())?;
    let mut whole: Vec<OsString> = arguments.first().cloned().into_iter().collect();
    whole.extend(path.iter().map(OsString::from));
    whole.extend(absent(&defaults, command, &rest));
    whole.extend(rest);
    Ok(whole)
}

/// Whether a command line, made whole, is a command that amtool has as well.
pub(in crate::cli) fn is_command(arguments: &[OsString]) -> bool {
    let is_ours = |word: &OsString| word == "template" || COMMANDS.iter().any(|node| word == node.name);
    arguments.get(1).is_some_and(is_ours)
}

/// The command's words and everything else; `None` if it is none of ours or asks for help.
fn command_first(arguments: &[OsString]) -> Option<(Vec<&'static str>, Vec<OsString>)> {
    let (mut path, mut rest) = (Vec::new(), Vec::new());
    let (mut below, mut usual) = (COMMANDS, None);
    let mut words = arguments.get(1..)?.iter().peekable();
    while let Some(word) = words.peek().and_then(|word| word.to_str()) {
        if WITH_VALUE.contains(&word) {
            rest.extend(words.by_ref().take(2).cloned());
            continue;
        }
        let flag = word.split('=').next().unwrap_or_default();
        if WITHOUT_VALUE.contains(&flag) || WITH_VALUE.contains(&flag) {
            rest.extend(words.next().cloned());
            continue;
        }
        let Some(node) = below.iter().find(|node| node.name == word) else { break };
        path.push(node.name);
        (below, usual) = (node.below, node.usual);
        words.next();
    }
    let left: Vec<OsString> = words.cloned().collect();
    let help = left.first().is_some_and(|word| word == "-h" || word == "--help");
    if path.is_empty() || (help && usual.is_some()) {
        return None;
    }
    while let Some(name) = usual {
        path.push(name);
        usual = below.iter().find(|node| node.name == name).and_then(|node| node.usual);
    }
    rest.extend(left);
    Some((path, rest))
}

/// The flags of `command` that `defaults` know and `given` does not have.
fn absent(defaults: &BTreeMap<String, String>, command: &Command, given: &[OsString]) -> Vec<OsString> {
    let given: Vec<&str> =
        given.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").collect();
    let known = command.get_arguments().filter_map(|argument| {
        let long = argument.get_long()?;
        let value = defaults.get(long)?;
        let is_given = given.iter().any(|word| {
            let name = word.split('=').next().unwrap_or_default();
            name.strip_prefix("--no-").or_else(|| name.strip_prefix("--")) == Some(long)
                || argument.get_short().is_some_and(|short| {
                    !word.starts_with("--")
                        && word.strip_prefix('-').is_some_and(|word| word.starts_with(short))
                })
        });
        let is_flag = argument.get_action().takes_values();
        match (is_given, is_flag, value.as_str()) {
            (true, ..) => None,
            (false, true, value) => Some(OsString::from(format!("--{long}={value}"))),
            (false, false, "true") => Some(OsString::from(format!("--{long}"))),
            (false, false, _) => None,
        }
    });
    known.collect()
}

fn files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config/amtool/config.yml"));
    home.into_iter().chain([PathBuf::from("/etc/amtool/config.yml")]).collect()
}

/// What the files that exist say; the first one's word counts.
fn from_files(files: &[PathBuf]) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut all = BTreeMap::new();
    for file in files.iter().filter(|file| file.exists()) {
        for (name, value) in load(file)? {
            let name = if name == "comment_required" { "require-comment".to_owned() } else { name };
            all.entry(name).or_insert(value);
        }
    }
    Ok(all)
}

fn load(file: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        ConfigError::at(&crate::config::Position::default(), format!("{}: {error}", file.display()))
    })?;
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    read(file, &text, |root| BTreeMap::decode(root))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::CommandLine;

    fn first(words: &[&str]) -> Option<String> {
        let words: Vec<OsString> = ["tocsin"].iter().chain(words).map(OsString::from).collect();
        let (path, rest) = command_first(&words)?;
        let rest: Vec<_> = rest.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Some(format!("{} | {}", path.join(" "), rest.join(" ")))
    }

    #[test]
    fn the_command_comes_first_and_whole() {
        let cases: [(&[&str], &str); 7] = [
            (&["alert"], "alert query | "),
            (&["alert", "foo"], "alert query | foo"),
            (&["-o", "json", "alert", "add", "foo"], "alert add | -o json foo"),
            (
                &["--alertmanager.url=x", "config", "--timeout", "1s", "routes", "test", "a=b"],
                "config routes test | --alertmanager.url=x --timeout 1s a=b",
            ),
            (&["config", "routes"], "config routes show | "),
            (&["silence", "-q", "expire"], "silence query | -q expire"),
            (&["cluster", "show", "--help"], "cluster show | --help"),
        ];
        for (words, expected) in cases {
            assert_eq!(first(words).as_deref(), Some(expected), "{words:?}");
        }
        assert_eq!(first(&["--config.file=x"]), None);
        assert_eq!(first(&["silence", "--help"]), None);
        assert_eq!(first(&["queues"]), None);
    }

    #[test]
    fn files_speak_for_flags_that_are_not_given() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mine = file("mine", "alertmanager.url: http://mine\ncomment_required: \"false\"\nauthor: me\n");
        let all = file("all", "alertmanager.url: http://all\noutput: extended\nunknown: x\n");
        let defaults = from_files(&[mine, PathBuf::from("/nowhere"), all]).unwrap();
        let program = CommandLine::command();
        let command = program.find_subcommand("silence").unwrap().find_subcommand("add").unwrap();
        let given = ["-ojson", "foo"].map(OsString::from);
        let mut absent = absent(&defaults, command, &given);
        absent.sort();
        assert_eq!(absent, ["--alertmanager.url=http://mine", "--author=me", "--require-comment=false"]);
        assert!(from_files(&[file("bad", "- a\n")]).is_err());
    }
}
