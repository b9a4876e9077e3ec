//! Configuration files (Prometheus's, web, TLS of the cluster, amtool's): whatever the text, reading ends, in an error
//! with places or in a configuration, and neither shows a secret.

#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tocsin::config::yaml::{Decode as _, read};
use tocsin::config::{ClusterTls, ConfigError, PrometheusConfig, WebConfig};

fuzz_target!(|text: &str| {
    let path = Path::new("fuzz.yml");
    let variable = |name: &str| (name.len() > 2).then(|| name.to_owned());
    match PrometheusConfig::parse(path, text, &variable) {
        Ok(config) => {
            // Read again, the same text gives the same entries under the same hashes.
            let again = PrometheusConfig::parse(path, text, &variable).expect("read before");
            let entries = config.alerting.alertmanagers.iter().zip(&again.alerting.alertmanagers);
            entries.for_each(|(one, other)| assert_eq!(one.hash(), other.hash()));
        }
        Err(error) => show(&error),
    }
    let others = [
        WebConfig::parse(path, text).err(),
        ClusterTls::parse(path, text).err(),
        read(path, text, BTreeMap::<String, String>::decode).err(),
    ];
    others.iter().flatten().for_each(show);
});

fn show(error: &ConfigError) {
    assert!(!error.faults().is_empty());
    assert!(error.to_string().starts_with("fuzz.yml:"));
    assert!(!error.render(false).is_empty());
}
