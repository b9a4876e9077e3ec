#[cfg(feature = "dns-sd")]
use super::dns::DnsDiscovery;
use super::error::DiscoveryError;
use super::file::FileDiscovery;
use super::http::HttpDiscovery;
use super::metrics::Metrics;
use super::refresh::Updates;
use super::target_group::TargetGroup;
use crate::config::{SdConfig, StaticConfig};

/// One discovery section, ready to run.
#[derive(Debug)]
pub(super) enum Provider {
    Static(Vec<TargetGroup>),
    File(FileDiscovery),
    Http(Box<HttpDiscovery>),
    #[cfg(feature = "dns-sd")]
    Dns(DnsDiscovery),
}

impl Provider {
    pub(super) fn new(
        config: &SdConfig,
        user_agent: &str,
        metrics: &Metrics,
    ) -> Result<Self, DiscoveryError> {
        match config {
            SdConfig::Static(groups) => Ok(Self::Static(static_groups(groups))),
            SdConfig::File(config) => Ok(Self::File(FileDiscovery::new(config, metrics.clone()))),
            SdConfig::Http(config) => {
                Ok(Self::Http(Box::new(HttpDiscovery::new(config, user_agent, metrics.clone())?)))
            }
            #[cfg(feature = "dns-sd")]
            SdConfig::Dns(config) => Ok(Self::Dns(DnsDiscovery::new(config, metrics.clone()))),
            #[cfg(not(feature = "dns-sd"))]
            SdConfig::Dns(config) => Err(DiscoveryError::NotBuilt {
                position: config.position.clone(),
                section: "dns_sd_configs",
                feature: "dns-sd",
            }),
        }
    }

    /// Sends groups until it is dropped; `config` labels the metrics.
    pub(super) async fn run(self, config: String, metrics: Metrics, updates: Updates) {
        match self {
            // Delivered once; they stay.
            Self::Static(groups) => updates.send(groups).await,
            Self::File(file) => file.run(updates).await,
            Self::Http(http) => http.run(metrics.refresh("http", &config), updates).await,
            #[cfg(feature = "dns-sd")]
            Self::Dns(dns) => dns.run(metrics.refresh("dns", &config), updates).await,
        }
    }
}

fn static_groups(groups: &[StaticConfig]) -> Vec<TargetGroup> {
    let groups = groups.iter().enumerate();
    groups
        .map(|(index, group)| TargetGroup::new(index.to_string(), &group.targets, group.labels.clone()))
        .collect()
}
