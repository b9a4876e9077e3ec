//! `tocsin check-config`: what a start or a reload would say of a configuration, without starting anything.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{ConfigError, PrometheusConfig, SdConfig};
use crate::net::{ClientOptions, HttpClient};

/// Check configuration files as a start or a reload would, and say where they are wrong.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl CheckConfig {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut failed = false;
        for file in &self.files {
            print!("Checking '{}'  ", file.display());
            let environment = |name: &str| std::env::var(name).ok();
            match PrometheusConfig::load(file, &environment)
                .and_then(|config| build_clients(&config).map(|()| config))
            {
                Ok(config) => println!("SUCCESS\n{}", found(&config)),
                Err(error) => {
                    failed = true;
                    println!("FAILED");
                    eprintln!("{}", error.render(std::io::stderr().is_terminal()));
                }
            }
        }
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Faults that only building the clients finds, such as a certificate that is not there.
fn build_clients(config: &PrometheusConfig) -> Result<(), ConfigError> {
    for alertmanager in &config.alerting.alertmanagers {
        let options = ClientOptions { sigv4: alertmanager.sigv4.clone(), ..ClientOptions::default() };
        let fault = |error: crate::net::NetError| ConfigError::at(&alertmanager.position, error.to_string());
        HttpClient::new(&alertmanager.http_client, options).map_err(fault)?;
        for discovery in &alertmanager.service_discovery {
            if let SdConfig::Http(http) = discovery {
                HttpClient::new(&http.http_client, ClientOptions::default()).map_err(fault)?;
            }
        }
    }
    Ok(())
}

fn found(config: &PrometheusConfig) -> String {
    format!(
        "Found:\n - {} external labels\n - {} alert relabelling rules\n - {} Alertmanager entries\n",
        config.external_labels.len(),
        config.alerting.alert_relabel_configs.rules().len(),
        config.alerting.alertmanagers.len()
    )
}
