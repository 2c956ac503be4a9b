//! Creations whose outcome is not known: looked for before they are repeated.

use super::client::Http;
use super::request::Request;
use super::retry::{Idempotency, RetryClass, next_pause, random};
use super::wait::pause;
use serde::de::DeserializeOwned;
use vcs_provider_interface::prelude::*;

impl Http {
    /// Sends a creation. Where the connection broke or the service failed, it
    /// may have been done: `find` looks for it, and only if it is not there
    /// the creation is sent again.
    ///
    /// # Errors
    /// As for [`Http::send`]; those of `find` give way to the creation's own.
    pub(crate) fn create<T: DeserializeOwned>(
        &self,
        context: &dyn CallContext,
        request: &Request,
        find: &dyn Fn() -> Result<Option<T>>,
    ) -> Result<T> {
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match self.json(context, request) {
                Ok(created) => return Ok(created),
                Err(error) => error,
            };
            let unknown = error.kind == ErrorKind::UNAVAILABLE && error.retryable;
            let done_before = error.kind == ErrorKind::ALREADY_EXISTS && tried > 1;
            if !unknown && !done_before {
                return Err(error);
            }
            match find() {
                Ok(Some(found)) => return Ok(found),
                Ok(None) if unknown => {}
                Ok(None) | Err(_) => return Err(error),
            }
            let length = next_pause(
                RetryClass::ServerFailed,
                Idempotency::Idempotent,
                tried,
                self.limits().first_pause,
                error.retry_after(),
                random(),
            );
            match length.filter(|length| self.fits(context, *length)) {
                Some(length) => pause(context, length)?,
                None => return Err(error),
            }
        }
    }

    /// Sends a request and reads the response as JSON; what is not there is `None`.
    ///
    /// # Errors
    /// As for [`Http::send`], but for `NotFound`.
    pub(crate) fn find<T: DeserializeOwned>(
        &self,
        context: &dyn CallContext,
        request: &Request,
    ) -> Result<Option<T>> {
        match self.json(context, request) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }
}
