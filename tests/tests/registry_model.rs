//! The registry against a model of it: random loads, good and bad, swaps,
//! calls, panics and rollbacks. Whatever happens, every call is answered by the
//! generation that the model names, and nothing but the last instance stays.

use integration_tests::host::RecordingHost;
use integration_tests::place::server_settings;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use vcs_plugin_host::loader::{Compatibility, Digest, LoadedProvider, Loader};
use vcs_plugin_host::registry::{Registry, RegistryOptions};
use vcs_provider_interface::abi::{BuildFacts, HostProvider, module_of};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// Instances that were made and not dropped.
static ALIVE: AtomicI64 = AtomicI64::new(0);

/// The n-th build of the provider; the last one starts with no configuration.
struct Build<const N: usize>;

const BUILDS: usize = 4;
const BROKEN: usize = 3;

impl<const N: usize> Provider for Build<N> {
    fn info() -> ProviderInfo {
        ProviderInfo::new("model", "Model", &N.to_string())
    }

    fn new_server(config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        if N == BROKEN || config_toml == "bad" {
            return Err(VcsError::new(ErrorKind::CONFIG, "as asked"));
        }
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Server {
            answer: format!("{N} {config_toml}"),
        }))
    }
}

struct Server {
    answer: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

impl VcsServer for Server {
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        Ok(Box::new(Client {
            answer: self.answer.clone(),
        }))
    }
}

struct Client {
    answer: String,
}

impl AuthorizedClient for Client {
    fn branch(&self, _context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        assert_ne!(request.name.as_deref(), Some("panic"), "as asked");
        Ok(Branch {
            display_id: self.answer.clone(),
            ..Default::default()
        })
    }
}

fn loaded(build: usize) -> LoadedProvider {
    let module = match build {
        0 => module_of::<Build<0>>(),
        1 => module_of::<Build<1>>(),
        2 => module_of::<Build<2>>(),
        _ => module_of::<Build<BROKEN>>(),
    };
    let provider = HostProvider::new(module);
    LoadedProvider {
        notices: Vec::new(),
        provider,
        info: provider.info().unwrap(),
        build: BuildFacts::THIS,
        digest: Digest::of(&[build as u8]),
        size: 1,
        origin: format!("build-{build}").into(),
        staged: format!("build-{build}").into(),
        compatibility: Compatibility::PluginSameOrNewer,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Adopt(usize),
    Rollback,
    Configure(u8),
    ConfigureBadly,
    NewClient,
    DropClient(prop::sample::Index),
    Call(prop::sample::Index),
    Panic(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..BUILDS).prop_map(Step::Adopt),
        2 => Just(Step::Rollback),
        2 => (0..4u8).prop_map(Step::Configure),
        1 => Just(Step::ConfigureBadly),
        2 => Just(Step::NewClient),
        1 => any::<prop::sample::Index>().prop_map(Step::DropClient),
        6 => any::<prop::sample::Index>().prop_map(Step::Call),
        1 => any::<prop::sample::Index>().prop_map(Step::Panic),
    ]
}

struct Model {
    current: usize,
    previous: Option<usize>,
    config: String,
}

fn ask(client: &dyn AuthorizedClient, name: &str) -> Result<String> {
    let request = BranchRequest {
        repo: String::new(),
        name: Some(name.to_owned()),
        ..Default::default()
    };
    client
        .branch(&HostCallContext::new("model"), request)
        .map(|branch| branch.display_id)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn follow(steps: Vec<Step>) {
    let before = ALIVE.load(Ordering::SeqCst);
    let options = RegistryOptions {
        replacement_limit: usize::MAX,
        ..Default::default()
    };
    let registry = Registry::new(Loader::default(), options);
    let host = RecordingHost::new();
    let configure = |config: &str| {
        let settings = server_settings("main", "model", config, &host);
        registry.configure(settings).map_err(Box::new)
    };
    registry.adopt(loaded(0)).unwrap();
    configure("c").unwrap();
    let server = registry.server("main").unwrap();
    let new_client = || server.authorized_client(Credential::anonymous()).unwrap();
    let mut clients = vec![new_client()];
    let mut model = Model {
        current: 0,
        previous: None,
        config: "c".to_owned(),
    };
    for step in steps {
        match step {
            Step::Adopt(BROKEN) => {
                assert_eq!(
                    registry.adopt(loaded(BROKEN)).unwrap_err().code(),
                    "constructor_failed"
                );
            }
            Step::Adopt(build) => {
                registry.adopt(loaded(build)).unwrap();
                if build != model.current {
                    model.previous = Some(model.current);
                }
                model.current = build;
            }
            Step::Rollback => match (registry.rollback("model"), model.previous.take()) {
                (Ok(_), Some(previous)) => model.current = previous,
                (Err(error), None) => assert_eq!(error.code(), "no_previous"),
                (outcome, previous) => panic!("{outcome:?}, but the model has {previous:?}"),
            },
            Step::Configure(number) => {
                model.config = format!("c{number}");
                configure(&model.config).unwrap();
            }
            Step::ConfigureBadly => {
                assert_eq!(configure("bad").unwrap_err().code(), "constructor_failed");
            }
            Step::NewClient => clients.push(new_client()),
            Step::DropClient(index) if clients.len() > 1 => {
                drop(clients.swap_remove(index.index(clients.len())));
            }
            Step::DropClient(_) => {}
            Step::Call(index) => {
                let client = &clients[index.index(clients.len())];
                let expected = format!("{} {}", model.current, model.config);
                assert_eq!(ask(client.as_ref(), "a").unwrap(), expected);
            }
            Step::Panic(index) => {
                let client = &clients[index.index(clients.len())];
                let error = ask(client.as_ref(), "panic").unwrap_err();
                assert_eq!(error.kind, ErrorKind::INTERNAL);
                until("the replacement", || ask(client.as_ref(), "a").is_ok());
            }
        }
    }
    let serving = registry.health().plugins[0].clone();
    assert_eq!(serving.version, model.current.to_string());
    until("all old instances are dropped", || {
        ALIVE.load(Ordering::SeqCst) == before + 1
    });
    let counts = registry.health().counts;
    assert_eq!(counts.instances_made, counts.instances_dropped + 1);
    drop((clients, server, registry));
    until("the last instance is dropped", || {
        ALIVE.load(Ordering::SeqCst) == before
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_does_what_its_model_does(steps in prop::collection::vec(step(), 0..60)) {
        follow(steps);
    }
}
