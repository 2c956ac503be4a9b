//! The two checkout actions of the command `engine`, with the real `git`, against
//! git servers that speak HTTP.

#[allow(
    dead_code,
    reason = "the proxy of the tests of the network can do more"
)]
#[path = "../network/certificates.rs"]
mod certificates;
mod depth;
mod directory;
mod git_server;
mod isolation;
mod lfs;
mod needs_git_lfs;
mod needs_sshd;
mod network;
#[allow(
    dead_code,
    reason = "the proxy of the tests of the network can do more"
)]
#[path = "../network/proxy_server.rs"]
mod proxy_server;
mod secrets;
mod submodules;
mod support;
mod targets;
#[allow(
    dead_code,
    reason = "the front of the tests of the network can do more"
)]
#[path = "../network/tls_front.rs"]
mod tls_front;
mod variables;
mod worker;
