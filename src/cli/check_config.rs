//! `tocsin check-config`: what a start or a reload would say of a configuration, without starting anything. Of an
//! `alertmanager.yml` it prints what `amtool check-config` prints, with every fault and its place.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::features::matcher_mode;
use crate::config::{AlertmanagerFile, Config, ConfigError, PrometheusConfig, SdConfig};
use crate::daemon::load_templates;
use crate::model::MatcherMode;
use crate::net::{ClientOptions, HttpClient, NetError};
use crate::template::TemplateSet;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// Files to check, each a prometheus.yml or an alertmanager.yml; standard input if there are none.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How matchers and label names are read: classic-mode or utf8-strict-mode.
    #[arg(long = "enable-feature", value_name = "FEATURES", default_value = "", value_parser = matcher_mode)]
    mode: MatcherMode,
}

impl CheckConfig {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut files = self.files;
        if files.is_empty() {
            if std::io::stdin().is_terminal() {
                bail!("give a file, or a configuration on standard input");
            }
            files.push(PathBuf::from("/dev/stdin"));
        }
        if let Some(file) = files.iter().find(|file| !file.exists()) {
            bail!("path '{}' does not exist", file.display());
        }
        let mut failed = 0;
        for file in &files {
            print!("Checking '{}'", file.display());
            let checked = check(file, self.mode);
            println!("{}", checked.report);
            failed += checked.failed;
        }
        if failed > 0 {
            bail!("failed to validate {failed} file(s)");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is said of one file.
struct Checked {
    /// What comes after its name.
    report: String,
    /// In how many ways it failed: by itself, and by its templates.
    failed: u32,
}

fn check(file: &Path, mode: MatcherMode) -> Checked {
    let environment = |name: &str| std::env::var(name).ok();
    let config = Config::load(std::slice::from_ref(&file.to_owned()), &environment, mode);
    let mut checked = Checked { report: String::new(), failed: 0 };
    match config {
        Ok(config) => {
            if let Some(Err(error)) = config.prometheus.as_deref().map(build_clients) {
                checked.fail(&error.to_string());
                return checked;
            }
            checked.report.push_str("  SUCCESS\nFound:\n");
            if let Some(prometheus) = &config.prometheus {
                checked.report.push_str(&found(prometheus));
            }
            if let Some(alertmanager) = &config.alertmanager {
                checked.add_alertmanager(alertmanager);
            }
        }
        Err(error) => checked.fail(&told(&error)),
    }
    checked
}

/// The error on one line a fault, or with the lines of the file where a person reads it.
fn told(error: &ConfigError) -> String {
    if std::io::stdout().is_terminal() { format!("\n{}", error.render(true)) } else { error.to_string() }
}

impl Checked {
    fn fail(&mut self, reason: &str) {
        self.failed += 1;
        self.report.extend(["  FAILED: ", reason, "\n"]);
    }

    fn add_alertmanager(&mut self, file: &AlertmanagerFile) {
        let (rules, receivers, patterns) =
            (file.inhibit_rules.len(), file.receivers.len(), file.templates.len());
        self.report.push_str(" - global config\n - route\n");
        let counted =
            format!(" - {rules} inhibit rules\n - {receivers} receivers\n - {patterns} templates\n");
        self.report.push_str(&counted);
        for notice in &file.notices {
            self.report.extend([" - note: ".to_owned(), notice.to_string(), "\n".to_owned()]);
        }
        match load_templates(&file.templates) {
            Ok(set) => {
                if patterns > 0 {
                    self.report.push_str("  SUCCESS\n");
                }
                let faults = faulty_strings(file, &set);
                if !faults.is_empty() {
                    self.fail(&faults.join("\n"));
                }
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }
}

/// The strings of the configuration that are no templates. A start would log and count them, and `amtool` does not look.
fn faulty_strings(file: &AlertmanagerFile, set: &TemplateSet) -> Vec<String> {
    let faults = file.template_strings().into_iter().filter_map(|string| {
        let parsed = if string.is_html { set.html(&string.source) } else { set.text(&string.source) };
        let error = parsed.err()?;
        let told = if string.is_secret { "not a template".to_owned() } else { error.to_string() };
        Some(format!("{}: {}: {told}", string.position, string.path))
    });
    faults.collect()
}

/// Builds what a start would build, so that certificates that cannot be loaded are found.
fn build_clients(config: &PrometheusConfig) -> Result<(), NetError> {
    for alertmanager in &config.alerting.alertmanagers {
        let options = ClientOptions { sigv4: alertmanager.sigv4.clone(), ..ClientOptions::default() };
        HttpClient::new(&alertmanager.http_client, options)?;
        for discovery in &alertmanager.service_discovery {
            if let SdConfig::Http(http) = discovery {
                HttpClient::new(&http.http_client, ClientOptions::default())?;
            }
        }
    }
    Ok(())
}

fn found(config: &PrometheusConfig) -> String {
    format!(
        " - {} external labels\n - {} alert relabelling rules\n - {} Alertmanager entries\n",
        config.external_labels.len(),
        config.alerting.alert_relabel_configs.rules().len(),
        config.alerting.alertmanagers.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> (String, u32) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yml");
        std::fs::write(&file, text).unwrap();
        std::fs::write(directory.path().join("good.tmpl"), "{{ define \"mine\" }}x{{ end }}").unwrap();
        std::fs::write(directory.path().join("bad.tmpl"), "{{ if }}").unwrap();
        let checked = check(&file, MatcherMode::Fallback);
        (checked.report.replace(&format!("{}/", directory.path().display()), ""), checked.failed)
    }

    #[test]
    fn prints_what_amtool_prints() {
        let (told, failed) = report(
            "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\ninhibit_rules: [null]\ntemplates: ['g*.tmpl', none]\n",
        );
        let expected = "  SUCCESS\nFound:\n - global config\n - route\n - 1 inhibit rules\n - 2 receivers\n \
                        - 2 templates\n  SUCCESS\n";
        assert_eq!((told.as_str(), failed), (expected, 0));
        let (told, failed) = report("route: {receiver: b}\nreceivers: [{name: a}]\n");
        let expected = "  FAILED: a.yml:1:19: route.receiver: undefined receiver \"b\" used in route\n";
        assert_eq!((told.as_str(), failed), (expected, 1));
        let (told, failed) = report("route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['*.tmpl']\n");
        assert!(
            told.ends_with(
                " - 1 templates\n  FAILED: bad.tmpl: template: bad.tmpl:1: missing value for if\n"
            ),
            "{told}"
        );
        assert_eq!(failed, 1);
    }

    #[test]
    fn strings_that_are_no_templates_are_told_without_secrets() {
        let webhook =
            "{url: 'http://x/{{ hunter2', headers: {X-A: '{{ hunter2'}, payload: {a: ['{{ .B.. }}']}}";
        let others = "discord_configs: [{webhook_url: 'http://x/', username: '{{', title: '{{ template \"mine\" . }}'}], \
                      hipchat_configs: [{room_id: '{{ x }}', auth_token: x}], \
                      email_configs: [{to: a, from: b, smarthost: 'c:1', html: '{{ if }}'}]";
        let (told, failed) = report(&format!(
            "route: {{receiver: a, labels: {{x: '{{{{ end }}}}'}}}}\nreceivers: [{{name: a, webhook_configs: [{webhook}], {others}}}]\n\
             templates: [good.tmpl]\n"
        ));
        assert_eq!(failed, 1);
        assert!(!told.contains("hunter2"), "{told}");
        let faults: Vec<&str> = told.lines().skip_while(|line| !line.contains("FAILED")).collect();
        insta::assert_snapshot!(faults.join("\n"), @r#"
          FAILED: a.yml:1:8: labels.x: template: :1: unexpected {{end}}
        a.yml:2:41: receivers[0].webhook_configs[0].url: not a template
        a.yml:2:41: receivers[0].webhook_configs[0].headers.X-A: not a template
        a.yml:2:41: receivers[0].webhook_configs[0].payload.a[0]: template: :1: unexpected <.> in operand
        a.yml:2:301: receivers[0].email_configs[0].html: template: :1: missing value for if
        a.yml:2:247: receivers[0].hipchat_configs[0].room_id: template: :1: function "x" not defined
        "#);
    }
}
