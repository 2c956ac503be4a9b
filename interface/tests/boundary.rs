//! The boundary without a library: a provider behind its adapters, called
//! through the host's handles.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use vcs_provider_interface::abi::{HostProvider, guard, module_of};
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{ChunkFn, PageFn, collect, collect_bytes};

struct Sample;
struct SampleServer(Arc<dyn HostServices>);
struct SampleClient;

impl Provider for Sample {
    fn info() -> ProviderInfo {
        ProviderInfo::new("sample", "Sample", "0.1.0").with_capabilities(["branches"])
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        match config_toml {
            "panic" => panic!("secret words"),
            "error" => Err(VcsError::new(ErrorKind::CONFIG, "key `x`")),
            _ => Ok(Box::new(SampleServer(host))),
        }
    }
}

impl VcsServer for SampleServer {
    fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        self.0.log(LogRecord {
            level: LogLevel::INFO,
            target: "sample".to_owned(),
            message: format!("a client of kind {}", credential.kind),
            ..Default::default()
        });
        Ok(Box::new(SampleClient))
    }
}

impl AuthorizedClient for SampleClient {
    fn branches(
        &self,
        context: &dyn CallContext,
        request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        if context.is_cancelled() {
            return Err(VcsError::new(ErrorKind::CANCELLED, context.request_id()));
        }
        for page in 0..3 {
            let names = (0..2).map(|item| Branch {
                display_id: format!("{}-{page}-{item}", request.repo),
                parents: vec!["a".to_owned(), "b".to_owned()],
                ..Default::default()
            });
            if sink.page(names.collect(), Some(6))? == Flow::STOP {
                return Ok(());
            }
        }
        Ok(())
    }

    fn get_content(
        &self,
        _context: &dyn CallContext,
        _request: GetContentRequest,
        sink: &mut dyn ByteSink,
    ) -> Result<StreamedContent> {
        sink.chunk(b"some ")?;
        sink.chunk(b"bytes")?;
        Ok(StreamedContent {
            length: 10,
            ..Default::default()
        })
    }

    fn upload_release_file(
        &self,
        _context: &dyn CallContext,
        request: UploadReleaseFileRequest,
        source: &mut dyn ByteSource,
    ) -> Result<ReleaseFile> {
        let mut buffer = [0; 4];
        let mut length = 0;
        loop {
            match source.read(&mut buffer)? {
                0 => break,
                count => length += count as u64,
            }
        }
        Ok(ReleaseFile {
            name: request.name,
            length,
            ..Default::default()
        })
    }

    fn branch(&self, _context: &dyn CallContext, _request: BranchRequest) -> Result<Branch> {
        panic!("secret words")
    }

    fn commit(&self, context: &dyn CallContext, _request: CommitRequest) -> Result<Commit> {
        let left = context
            .time_left()
            .ok_or_else(|| VcsError::unsupported("no deadline"))?;
        Err(VcsError::new(ErrorKind::RATE_LIMITED, "later")
            .with_http_status(429)
            .with_retry_after(left)
            .with_service_request_id("r-1")
            .with_extra("k", "v"))
    }
}

#[derive(Default)]
struct RecordingHost(Mutex<Vec<String>>);

impl HostServices for RecordingHost {
    fn log(&self, record: LogRecord) {
        self.0.lock().unwrap().push(record.message);
    }

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        true
    }

    fn load_grant(&self, _grant_id: &str) -> Result<Option<Grant>> {
        Ok(None)
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        Ok(())
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> Result<u64> {
        Ok(1)
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}
}

fn provider() -> HostProvider {
    HostProvider::new(module_of::<Sample>())
}

fn client() -> (Box<dyn AuthorizedClient>, Arc<RecordingHost>) {
    let host = Arc::new(RecordingHost::default());
    let services = Arc::clone(&host) as Arc<dyn HostServices>;
    let Ok(server) = provider().new_server("", services) else {
        panic!("the sample makes a server");
    };
    let Ok(client) = server.authorized_client(Credential::anonymous()) else {
        panic!("the sample makes a client");
    };
    (client, host)
}

fn branches_of(repo: &str) -> BranchesRequest {
    BranchesRequest {
        repo: repo.to_owned(),
        ..Default::default()
    }
}

#[test]
fn a_list_crosses_whole_and_in_order() {
    let (client, host) = client();
    let context = HostCallContext::new("t");
    let all = collect(|sink| client.branches(&context, branches_of("r"), sink)).unwrap();
    let names: Vec<&str> = all
        .iter()
        .map(|branch| branch.display_id.as_str())
        .collect();
    assert_eq!(
        names,
        ["r-0-0", "r-0-1", "r-1-0", "r-1-1", "r-2-0", "r-2-1"]
    );
    assert_eq!(all[0].parents, ["a", "b"]);
    assert_eq!(*host.0.lock().unwrap(), ["a client of kind Anonymous"]);
}

#[test]
fn a_sink_that_has_enough_ends_the_list() {
    let (client, _) = client();
    let mut pages = 0;
    let mut sink = PageFn(|_items: Vec<Branch>, total| {
        pages += 1;
        assert_eq!(total, Some(6));
        Ok(Flow::STOP)
    });
    client
        .branches(&HostCallContext::new("t"), branches_of("r"), &mut sink)
        .unwrap();
    assert_eq!(pages, 1);
}

#[test]
fn an_error_of_the_sink_comes_back_as_it_was() {
    let (client, _) = client();
    let mut sink = PageFn(|_items: Vec<Branch>, _total| {
        Err(VcsError::new(ErrorKind::INTERNAL, "the disk is full"))
    });
    let error = client
        .branches(&HostCallContext::new("t"), branches_of("r"), &mut sink)
        .unwrap_err();
    assert_eq!(error.message, "the disk is full");
}

#[test]
fn a_sink_that_panics_is_an_error_of_the_call() {
    let (client, _) = client();
    let mut sink = ChunkFn(|_bytes: &[u8]| -> Result<Flow> { panic!("in the sink") });
    let error = client
        .get_content(
            &HostCallContext::new("t"),
            GetContentRequest::default(),
            &mut sink,
        )
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::INTERNAL);
    assert!(error.message.contains("byte sink"), "{}", error.message);
}

#[test]
fn bytes_cross_in_both_directions() {
    let (client, _) = client();
    let context = HostCallContext::new("t");
    let (answer, bytes) =
        collect_bytes(|sink| client.get_content(&context, GetContentRequest::default(), sink))
            .unwrap();
    assert_eq!(
        (answer.length, bytes.as_slice()),
        (10, b"some bytes".as_slice())
    );

    let mut source: &[u8] = b"ten bytes!";
    let request = UploadReleaseFileRequest {
        name: "n".to_owned(),
        ..Default::default()
    };
    let file = client
        .upload_release_file(&context, request, &mut source)
        .unwrap();
    assert_eq!((file.name.as_str(), file.length), ("n", 10));
}

#[test]
fn a_cancelled_context_is_seen_on_the_other_side() {
    let (client, _) = client();
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let context = HostCallContext::new("call-7").with_cancellation(cancellation);
    let error = collect(|sink| client.branches(&context, branches_of("r"), sink)).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::CANCELLED, "call-7")
    );
}

#[test]
fn an_error_crosses_with_all_its_facts() {
    let (client, _) = client();
    let context = HostCallContext::new("t").with_time_limit(Duration::from_secs(60));
    let error = client
        .commit(&context, CommitRequest::default())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::RATE_LIMITED);
    assert_eq!(error.http_status, Some(429));
    assert!(error.retryable);
    let wait = error.retry_after().unwrap();
    assert!(
        wait > Duration::from_secs(50) && wait <= Duration::from_secs(60),
        "{wait:?}"
    );
    assert_eq!(error.service_request_id.as_deref(), Some("r-1"));
    assert_eq!(error.extra, Extra::from([("k", "v")]));
}

#[test]
fn a_method_that_a_provider_lacks_is_unsupported_by_name() {
    let (client, _) = client();
    let error = client
        .release(&HostCallContext::new("t"), ReleaseRequest::default())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.contains("release"), "{}", error.message);
}

#[test]
fn a_panic_in_a_method_is_an_error_and_poisons_the_instance_only() {
    let (broken, _) = client();
    let (healthy, _) = client();
    let context = HostCallContext::new("t");
    let error = broken
        .branch(&context, BranchRequest::default())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::INTERNAL);
    assert!(
        error.extra.iter().any(|(key, _)| key == guard::POISONED),
        "{error:?}"
    );
    assert!(!error.message.contains("secret words"), "{}", error.message);
    let again = collect(|sink| broken.branches(&context, branches_of("r"), sink)).unwrap_err();
    assert!(
        again.message.contains("panicked before"),
        "{}",
        again.message
    );
    assert!(collect(|sink| healthy.branches(&context, branches_of("r"), sink)).is_ok());
}

#[test]
fn a_constructor_that_fails_or_panics_is_an_error() {
    let host: Arc<dyn HostServices> = Arc::new(RecordingHost::default());
    let error = provider()
        .new_server("error", Arc::clone(&host))
        .err()
        .unwrap();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::CONFIG, "key `x`")
    );
    let error = provider().new_server("panic", host).err().unwrap();
    assert_eq!(error.kind, ErrorKind::INTERNAL);
}

#[test]
fn a_provider_says_how_it_was_built() {
    let info = provider().info().unwrap();
    assert_eq!(info.provider_type, "sample");
    assert_eq!(info.interface_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(info.panic_strategy, "unwind");
    assert!(
        info.target.contains('-') && info.compiler.starts_with("rustc"),
        "{info:?}"
    );
    assert!(info.can("branches") && !info.can("tags"));
}
