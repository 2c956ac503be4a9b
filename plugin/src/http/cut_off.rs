//! Tells a connection that was cut off from one that was ended.
//!
//! A response may say nothing of its length; then it ends with its connection.
//! TLS and TCP say whether the other side ended it or something between did.
//! The HTTP client takes both for the end of the response, and a file would come
//! out shorter and look whole. So what is no proper end reaches it as an error
//! that it does not take for one.

use std::io;
use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Stands behind the connector that makes connections.
#[derive(Debug)]
pub(super) struct ProperEnds;

impl<In: Transport> Connector<In> for ProperEnds {
    type Out = ProperlyEnded<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(ProperlyEnded))
    }
}

/// A connection whose improper end is an error.
#[derive(Debug)]
pub(super) struct ProperlyEnded<T>(T);

impl<T: Transport> Transport for ProperlyEnded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout).map_err(|error| match error {
            Error::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                ) =>
            {
                Error::Io(io::ErrorKind::BrokenPipe.into())
            }
            other => other,
        })
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
