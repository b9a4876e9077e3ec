//! The proxy between a client and its servers.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::Fields;

/// The proxy of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proxy {
    /// Where the proxy's address comes from.
    #[serde(rename = "")]
    pub address: ProxyAddress,
    /// `proxy_connect_header`: headers of CONNECT requests, sorted by name.
    #[serde(rename = "proxy_connect_header")]
    pub connect_header: BTreeMap<String, Vec<Secret>>,
}

/// Where a proxy's address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyAddress {
    /// `proxy_from_environment`: HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their lower-case forms.
    Environment,
    /// `proxy_url`.
    Url {
        /// The proxy.
        proxy_url: Url,
        /// `no_proxy`: a comma-separated list of hosts, domains and networks that are reached directly; empty: none.
        no_proxy: String,
    },
}

impl Serialize for ProxyAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ProxyAddress", 2)?;
        match self {
            Self::Environment => fields.serialize_field("proxy_from_environment", &true)?,
            Self::Url { proxy_url, no_proxy } => {
                fields.serialize_field("proxy_url", proxy_url)?;
                fields.serialize_field("no_proxy", no_proxy)?;
            }
        }
        fields.end()
    }
}

impl Proxy {
    /// Reads `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let written = fields.value_of("proxy_url").is_some();
        let is_set = !fields.present(&["proxy_url"]).is_empty();
        let proxy_url: Option<Url> = fields.get_if_set("proxy_url");
        let no_proxy: String = fields.get_or_default("no_proxy");
        let from_environment: bool = fields.get_or_default("proxy_from_environment");
        let connect_header: BTreeMap<String, Vec<Secret>> = fields.get_or_default("proxy_connect_header");
        if !connect_header.is_empty() && !from_environment && !is_set {
            fields.fault_at(
                &["proxy_connect_header"],
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            );
        }
        if from_environment {
            fields.fault_at(
                &["proxy_url"],
                "if proxy_from_environment is configured, proxy_url must not be configured",
            );
            fields.fault_at(
                &["no_proxy"],
                "if proxy_from_environment is configured, no_proxy must not be configured",
            );
        } else if !written {
            fields.fault_at(&["no_proxy"], "if no_proxy is configured, proxy_url must also be configured");
        }
        let address = match proxy_url {
            _ if from_environment => ProxyAddress::Environment,
            proxy_url => ProxyAddress::Url { proxy_url: proxy_url?, no_proxy },
        };
        Some(Self { address, connect_header })
    }
}
