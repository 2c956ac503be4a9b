//! What a plugin author imports.

pub use crate::config::SecretSource;
pub use crate::context::CallContext;
pub use crate::error::{ErrorKind, Result, VcsError};
pub use crate::info::{Capability, ProviderInfo};
pub use crate::provider::{AuthorizedClient, Provider, VcsServer};
pub use crate::records::*;
pub use crate::secret::Secret;
pub use crate::services::{GrantLock, HostServices, LogLevel, LogRecord};
pub use crate::sink::{ByteSink, ByteSource, Flow, PageSink};
pub use crate::value::Bytes;
