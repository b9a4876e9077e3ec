//! The tests from outside: the real binary, real Prometheis and Alertmanagers, real sockets on loopback.
//!
//! Each test has ports and a directory of its own, waits for conditions with a deadline, and ends what it started.
//! `TOCSIN_TESTS=full` runs the long forms. Real peers are found in the directory `TOCSIN_PEERS`, which
//! `tests/peers.sh` fills; without it the tests that need them say that they were left out.

mod alertmanager_metrics;
mod amtool;
mod api_v2;
mod cluster_tls;
mod command_line;
mod day;
mod differential;
mod discovery;
mod durability;
mod examples;
mod faults;
mod forwarding;
mod gossip_interop;
mod gossip_simulation;
mod harness;
mod intake;
mod local_delivery;
mod notify_test;
mod pair;
mod real_peers;
mod reload;
mod sigv4;
mod structure;
mod teams;
mod template;
mod template_render;
mod transport;
mod web;
