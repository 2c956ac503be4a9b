//! The network between the provider and the service: TLS, proxies, compressed
//! answers and redirects, each over real sockets and through the loaded library.

mod certificates;
mod compression;
mod git_archives;
mod proxies;
mod proxy_server;
mod raw_server;
mod redirects;
mod socks;
mod socks_server;
mod support;
mod tls;
mod tls_front;
