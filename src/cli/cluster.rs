//! `tocsin cluster show`: amtool's command of that name.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::amtool::{Amtool, Output, Table, json_line};
use crate::client::{ClusterStatus, PeerStatus};

#[derive(Debug, Subcommand)]
pub(super) enum Cluster {
    /// Show the cluster as a member sees it.
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    amtool: Amtool,
}

impl Cluster {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Show(Show { amtool }) = self;
        amtool.run(async |client| {
            print!("{}", shown(client.status().await?.cluster, amtool.output)?);
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn shown(cluster: ClusterStatus, output: Output) -> anyhow::Result<String> {
    if output == Output::Json {
        return Ok(json_line(&cluster)? + "\n");
    }
    let mut text = format!("Cluster Status:  {}\nNode Name:       {}\n", cluster.status, cluster.name);
    if output == Output::Extended {
        let mut peers = cluster.peers.unwrap_or_default();
        peers.sort_by_key(place);
        let mut table = Table::new(&["Address", "Name"]);
        peers.into_iter().for_each(|peer| table.row([peer.address, peer.name]));
        text.push('\n');
        // The last column is not padded here.
        text.extend(table.text().lines().map(|line| format!("{}\n", line.trim_end())));
    }
    Ok(text)
}

/// By the address's bytes, then the port; what is no address comes last, by its text.
fn place(peer: &PeerStatus) -> (bool, [u8; 16], u16, String) {
    match peer.address.parse::<SocketAddr>() {
        Ok(address) => {
            let bytes = match address.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            (false, bytes, address.port(), String::new())
        }
        Err(_) => (true, [0; 16], 0, peer.address.clone()),
    }
}
