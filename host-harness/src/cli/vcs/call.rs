//! One call: context, progress, and what becomes of the result.

use crate::cli::args::vcs::ServerArguments;
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::output::Output;
use crate::cli::progress::ListProgress;
use crate::cli::render::Row;
use crate::cli::session::Session;
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::provider::{AuthorizedClient, VcsServer};
use vcs_provider_interface::records::{BranchSort, ConnectionRequest, StreamedContent};
use vcs_provider_interface::sink::{ByteSink, ChunkFn, Flow, PageFn, PageSink};

type VcsResult<T> = vcs_provider_interface::error::Result<T>;

/// What to know of a connection that is made for want of a credential.
const AS_CONSUMER: &str = "no credential is configured, so the OAuth consumer itself was checked \
     (client credentials); calls for a project use what it consented to: --project KEY";

/// Everything that a call needs.
pub(super) struct Call<'a> {
    session: &'a Session,
    client: Box<dyn AuthorizedClient>,
    context: HostCallContext,
    output: &'a Output,
    /// Whether the client is the OAuth consumer's own, for want of a credential.
    as_consumer: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        session: &'a Session,
        client: Box<dyn AuthorizedClient>,
        arguments: &ServerArguments,
        output: &'a Output,
    ) -> Self {
        let context = HostCallContext::new("engine-vcs")
            .with_time_limit(Duration::from_secs(arguments.timeout))
            .with_cancellation(interrupt::cancellation());
        Self {
            session,
            client,
            context: if arguments.bypass_cache {
                context.bypassing_cache()
            } else {
                context
            },
            output,
            as_consumer: false,
        }
    }

    /// The same, with a client of the OAuth consumer itself.
    pub(super) fn for_the_consumer(mut self, as_consumer: bool) -> Self {
        self.as_consumer = as_consumer;
        self
    }

    /// Checks the connection, and says so if it is the OAuth consumer's own.
    pub(super) fn connection(&self, request: ConnectionRequest) -> Result<(), Failure> {
        let found = self.client.check_connection(&self.context, request);
        let mut found = found.map_err(|error| self.failed(error))?;
        if self.as_consumer {
            found.warnings.insert(0, AS_CONSUMER.to_owned());
        }
        self.output.record(&found)
    }

    /// Makes a call that returns a record, and prints it.
    pub(super) fn record<T: Serialize>(
        &self,
        call: impl FnOnce(&dyn AuthorizedClient, &HostCallContext) -> VcsResult<T>,
    ) -> Result<(), Failure> {
        let result = call(&*self.client, &self.context).map_err(|error| self.failed(error))?;
        self.output.record(&result)
    }

    /// Makes a call to the server that returns a record, and prints it.
    pub(super) fn server_record<T: Serialize>(
        &self,
        call: impl FnOnce(&dyn VcsServer, &HostCallContext) -> VcsResult<T>,
    ) -> Result<(), Failure> {
        let result =
            call(self.session.server(), &self.context).map_err(|error| self.failed(error))?;
        self.output.record(&result)
    }

    /// Makes a call that returns nothing.
    pub(super) fn done(
        &self,
        call: impl FnOnce(
            &dyn AuthorizedClient,
            &HostCallContext,
        ) -> VcsResult<vcs_provider_interface::records::Done>,
    ) -> Result<(), Failure> {
        call(&*self.client, &self.context).map_err(|error| self.failed(error))?;
        self.output.done()
    }

    /// Makes a call that lists, and prints the list once it is whole.
    pub(super) fn list<T: Row + Serialize>(
        &self,
        what: &str,
        call: impl FnOnce(
            &dyn AuthorizedClient,
            &HostCallContext,
            &mut dyn PageSink<T>,
        ) -> VcsResult<()>,
    ) -> Result<(), Failure> {
        let mut list = self.output.list();
        let progress = ListProgress::new(what);
        let mut sink = PageFn(|items: Vec<T>, total| {
            progress.page(items.len(), total);
            list.page(&items).map_err(|error| not_kept(&error))?;
            Ok(Flow::CONTINUE)
        });
        call(&*self.client, &self.context, &mut sink).map_err(|error| self.failed(error))?;
        drop(progress);
        list.finish()
    }

    /// Makes a call that lists refs, and prints them in the order of git: by the
    /// bytes of their names. Services order them in ways of their own, such as
    /// `v2` before `v10`.
    pub(super) fn refs<T: Row + Serialize>(
        &self,
        what: &str,
        name: impl Fn(&T) -> &str,
        order: RefOrder,
        call: impl FnOnce(
            &dyn AuthorizedClient,
            &HostCallContext,
            &mut dyn PageSink<T>,
        ) -> VcsResult<()>,
    ) -> Result<(), Failure> {
        let progress = ListProgress::new(what);
        let mut all = Vec::new();
        let mut sink = PageFn(|mut items: Vec<T>, total| {
            progress.page(items.len(), total);
            all.append(&mut items);
            Ok(Flow::CONTINUE)
        });
        call(&*self.client, &self.context, &mut sink).map_err(|error| self.failed(error))?;
        drop(progress);
        match order {
            RefOrder::Name => all.sort_by(|one, other| name(one).cmp(name(other))),
            RefOrder::NameDescending => all.sort_by(|one, other| name(other).cmp(name(one))),
            RefOrder::Service => {}
        }
        let mut list = self.output.list();
        list.page(&all)
            .map_err(|error| self.failed(not_kept(&error)))?;
        list.finish()
    }

    /// Makes a call that streams bytes, into a file or to standard output. A file
    /// appears only once it is whole.
    pub(super) fn bytes(
        &self,
        target: Option<&Path>,
        call: impl FnOnce(
            &dyn AuthorizedClient,
            &HostCallContext,
            &mut dyn ByteSink,
        ) -> VcsResult<StreamedContent>,
    ) -> Result<(), Failure> {
        let Some(path) = target else {
            return self.bytes_to_standard_output(call);
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file =
            NamedTempFile::new_in(folder).map_err(|error| Failure::file(path, &error))?;
        let mut write_error = None;
        let result = {
            let mut sink = writing_sink(&mut file, &mut write_error);
            call(&*self.client, &self.context, &mut sink)
        };
        if let Some(error) = write_error {
            return Err(Failure::file(path, &error));
        }
        let result = result.map_err(|error| self.failed(error))?;
        file.persist(path)
            .map_err(|error| Failure::file(path, &error.error))?;
        self.output.record(&result)
    }

    fn bytes_to_standard_output(
        &self,
        call: impl FnOnce(
            &dyn AuthorizedClient,
            &HostCallContext,
            &mut dyn ByteSink,
        ) -> VcsResult<StreamedContent>,
    ) -> Result<(), Failure> {
        if self.output.is_json() {
            return Err(Failure::usage(
                "--json prints a document on standard output; give the bytes a place with --to FILE",
            ));
        }
        let mut target = std::io::stdout().lock();
        let mut write_error = None;
        let result = {
            let mut sink = writing_sink(&mut target, &mut write_error);
            call(&*self.client, &self.context, &mut sink)
        };
        if let Some(error) = write_error {
            return Err(Failure::standard_output(&error));
        }
        result.map_err(|error| self.failed(error))?;
        target
            .flush()
            .map_err(|error| Failure::standard_output(&error))
    }

    fn failed(&self, error: VcsError) -> Failure {
        self.session.failed(error)
    }
}

/// Writes chunks; a failure ends the call and is kept, because its kind decides
/// how it is reported.
fn writing_sink<'a>(
    target: &'a mut impl Write,
    failure: &'a mut Option<std::io::Error>,
) -> ChunkFn<impl FnMut(&[u8]) -> VcsResult<Flow> + 'a> {
    ChunkFn(move |bytes: &[u8]| match target.write_all(bytes) {
        Ok(()) => Ok(Flow::CONTINUE),
        Err(error) => {
            *failure = Some(error);
            Ok(Flow::STOP)
        }
    })
}

/// The order in which refs are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RefOrder {
    /// By name, as `git for-each-ref` does.
    Name,
    /// The reverse.
    NameDescending,
    /// As the service gave them.
    Service,
}

impl From<BranchSort> for RefOrder {
    fn from(sort: BranchSort) -> Self {
        match sort {
            BranchSort::NAME => Self::Name,
            BranchSort::NAME_DESCENDING => Self::NameDescending,
            _ => Self::Service,
        }
    }
}

fn not_kept(error: &std::io::Error) -> VcsError {
    VcsError::new(
        ErrorKind::INTERNAL,
        format!("the list cannot be kept in a temporary file: {error}"),
    )
}
