//! Where a database is and how it is reached.

use crate::store::{Result, StoreError};
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use vcs_provider_interface::secret::Secret;

/// Connections that write, by default.
pub const DEFAULT_CONNECTIONS: usize = 6;

/// How long making a connection may take.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// What the server ends by itself, so that nothing waits for an engine that is gone:
/// a statement, the wait for a lock, and a transaction in which nothing happens.
const SERVER_LIMITS: &str = "-c statement_timeout=30000 -c lock_timeout=10000 \
    -c idle_in_transaction_session_timeout=30000 -c default_transaction_isolation=read\\ committed";

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// Its address, such as `postgres://engine@db.example.com/engine`.
    pub url: String,
    /// The password; `None` where the server asks for none.
    pub password: Option<Secret>,
    /// The certificates that the server's certificate is checked against.
    pub ca_file: Option<PathBuf>,
    /// Connections that write. A third of them, and two more, read and listen.
    pub connections: usize,
}

impl PostgresSettings {
    /// A database at an address, without a password.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            ca_file: None,
            connections: DEFAULT_CONNECTIONS,
        }
    }

    /// What is wrong with the address, if something is. Quotes nothing of it.
    ///
    /// # Errors
    /// A sentence for the administrator.
    pub fn check(&self) -> std::result::Result<(), String> {
        let config = self.parse()?;
        if config.get_password().is_some() {
            return Err(
                "holds a password; take it out and name its file in `store.passwordFile`"
                    .to_owned(),
            );
        }
        if config.get_hosts().is_empty() {
            return Err("names no host".to_owned());
        }
        if config.get_dbname().is_none() {
            return Err("names no database, such as postgres://HOST/engine".to_owned());
        }
        if self.uses_tls(&config) && self.ca_file.is_none() {
            return Err(
                "is on another machine: name the certificates that the server's certificate is \
                 checked against in `store.caFile`, or add ?sslmode=disable"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn parse(&self) -> std::result::Result<tokio_postgres::Config, String> {
        let is_url = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.url.starts_with(scheme));
        if !is_url {
            return Err("must begin with postgres://".to_owned());
        }
        self.url
            .parse()
            .map_err(|_| "is no address of a PostgreSQL database".to_owned())
    }

    fn uses_tls(&self, config: &tokio_postgres::Config) -> bool {
        let is_local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
        };
        match config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Prefer => self.ca_file.is_some() || !config.get_hosts().iter().all(is_local),
            _ => true,
        }
    }

    /// What a connection is made with.
    pub(super) fn config(&self) -> Result<tokio_postgres::Config> {
        let mut config = self.parse().map_err(StoreError::Failed)?;
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        let options = match config.get_options() {
            Some(own) => format!("{SERVER_LIMITS} {own}"),
            None => SERVER_LIMITS.to_owned(),
        };
        let mode = match self.uses_tls(&config) {
            true => SslMode::Require,
            false => SslMode::Disable,
        };
        config
            .options(options)
            .ssl_mode(mode)
            .application_name("engine")
            .connect_timeout(CONNECT_LIMIT)
            .tcp_user_timeout(Duration::from_secs(15))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        Ok(config)
    }

    /// What makes connections secret.
    pub(super) fn tls(&self) -> Result<MakeRustlsConnect> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.ca_file {
            let unreadable = |reason: String| {
                StoreError::Failed(format!("`store.caFile` {}: {reason}", file.display()))
            };
            let certificates = CertificateDer::pem_file_iter(file)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("there is no certificate in it".to_owned()));
            }
        }
        let provider = std::sync::Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::Failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// The address without what is secret, for messages.
    pub(super) fn shown(&self) -> String {
        let Ok(config) = self.parse() else {
            return "PostgreSQL".to_owned();
        };
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let database = config.get_dbname().unwrap_or_default();
        format!("postgres://{host}/{database}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        PostgresSettings::new(url).check().unwrap_err()
    }

    #[test]
    fn an_address_that_cannot_be_used_is_told_with_the_way_out() {
        for (url, expected) in [
            ("mysql://db/engine", "postgres://"),
            ("postgres://u:s3cret@localhost/engine", "store.passwordFile"),
            ("postgres://localhost", "names no database"),
            ("postgres://db.example.com/engine", "store.caFile"),
            ("postgres://db/engine?sslmode=nonsense", "no address"),
        ] {
            let problem = problem(url);
            assert!(problem.contains(expected), "{url}: {problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
        for url in [
            "postgres://engine@localhost/engine",
            "postgres://db.example.com/engine?sslmode=disable",
            "postgres://%2Frun%2Fpostgresql/engine",
        ] {
            PostgresSettings::new(url).check().unwrap();
        }
    }
}
