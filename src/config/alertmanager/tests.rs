use std::path::Path;

use super::*;
use crate::config::ConfigError;
use crate::model::MatcherMode;

fn parse_as(text: &str, mode: MatcherMode) -> Result<AlertmanagerFile, ConfigError> {
    AlertmanagerFile::parse(Path::new("/etc/alertmanager/alertmanager.yml"), text, mode)
}

fn parse(text: &str) -> Result<AlertmanagerFile, ConfigError> {
    parse_as(text, MatcherMode::Fallback)
}

fn read(text: &str) -> AlertmanagerFile {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn files_that_people_have_are_read_and_printed() {
    let files = [
        ("teams", include_str!("testdata/teams.yml")),
        ("databases", include_str!("testdata/databases.yml")),
        ("mail_and_inhibition", include_str!("testdata/mail-and-inhibition.yml")),
        ("null_receiver", include_str!("testdata/null-receiver.yml")),
    ];
    for (name, text) in files {
        let file = read(text);
        let printed = file.to_yaml();
        insta::assert_snapshot!(name, printed);
        let again = read(&printed);
        assert_eq!(again.to_yaml().split("# receiver").next(), printed.split("# receiver").next(), "{name}");
    }
}
