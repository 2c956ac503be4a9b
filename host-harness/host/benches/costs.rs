//! What the boundary, a process of its own and a first load cost, beside what
//! the same work takes without them, in one run.
//!
//! `cargo bench -p vcs-plugin-host`, with `-- --json` for a machine and
//! `-- --plugin FILE` for the load of another library than the released provider
//! of Bitbucket Cloud, which it builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vcs_plugin_host::isolation::Isolation;
use vcs_plugin_host::loader::{Digest, Loader, LoaderOptions, Preflight};
use vcs_plugin_host::registry::{Registry, RegistryOptions, ServerSettings, WithoutGrants};
use vcs_provider_interface::abi::{HostProvider, module_of};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// Calls of each kind, in rounds of which the quickest counts: what disturbs
/// makes them longer.
const ROUNDS: usize = 20;
const CALLS: u32 = 500;

/// First loads of each kind, of which the quickest counts.
const LOADS: usize = 15;

/// The provider that answers at once; the one of `vcs-misbehaving` gives the same.
struct Quick;

impl Provider for Quick {
    fn info() -> ProviderInfo {
        ProviderInfo::new("quick", "Quick", "1.0.0").with_capabilities(["branch", "branches"])
    }

    fn new_server(_config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Ok(Box::new(Self))
    }
}

impl VcsServer for Quick {
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        Ok(Box::new(Self))
    }
}

impl AuthorizedClient for Quick {
    fn branch(&self, _context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        Ok(Branch {
            display_id: request.name.unwrap_or_default(),
            ..Default::default()
        })
    }

    fn branches(
        &self,
        _context: &dyn CallContext,
        _request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        let page = (0..100).map(|number| Branch {
            id: format!("refs/heads/topic/{number}"),
            display_id: format!("topic/{number}"),
            latest_commit: format!("{number:040x}"),
            parents: vec![format!("{:040x}", number + 1)],
            ..Default::default()
        });
        sink.page(page.collect(), Some(100)).map(drop)
    }
}

/// A line of the table: what it took, beside the least that it can take.
struct Row {
    what: &'static str,
    how: &'static str,
    took: Duration,
    least: Duration,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.took.as_secs_f64() / self.least.as_secs_f64()
    }
}

/// The quickest round, for one call.
fn per_call(mut call: impl FnMut()) -> Duration {
    let round = |_| {
        let begun = Instant::now();
        (0..CALLS).for_each(|_| call());
        begun.elapsed() / CALLS
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn trivial(client: &dyn AuthorizedClient) {
    let request = BranchRequest {
        name: Some("main".to_owned()),
        ..Default::default()
    };
    let branch = client.branch(&HostCallContext::new("bench"), request);
    assert_eq!(branch.expect("a branch").display_id, "main");
}

fn page(client: &dyn AuthorizedClient) {
    struct Count(usize);

    impl PageSink<Branch> for Count {
        fn page(&mut self, items: Vec<Branch>, _total: Option<u64>) -> Result<Flow> {
            self.0 += items.len();
            Ok(Flow::CONTINUE)
        }
    }

    let mut sink = Count(0);
    let request = BranchesRequest::default();
    let listed = client.branches(&HostCallContext::new("bench"), request, &mut sink);
    listed.expect("branches");
    assert_eq!(sink.0, 100);
}

/// A client of the server of a plugin in a process of its own.
fn isolated(plugin: &Path, staging: &Path) -> Box<dyn AuthorizedClient> {
    let options = RegistryOptions {
        isolation: Some(Isolation::by_this_program().expect("this program")),
        ..Default::default()
    };
    let loader = loader(staging, None);
    let registry = Registry::new(loader, options);
    registry.load(plugin).expect("the plugin");
    let settings = ServerSettings {
        isolated: true,
        ..ServerSettings::new("main", "misbehaving", "good")
    };
    registry.configure(settings).expect("a server");
    let server = registry.server("main").expect("the server");
    server
        .authorized_client(Credential::anonymous())
        .expect("a client")
}

fn calls(plugin: &Path, staging: &Path) -> Vec<Row> {
    let server = Quick::new_server("", Arc::new(WithoutGrants)).expect("a server");
    let direct = server
        .authorized_client(Credential::anonymous())
        .expect("a client");
    let provider = HostProvider::new(module_of::<Quick>());
    let server = provider
        .new_server("", Arc::new(WithoutGrants))
        .expect("a server");
    let across = server
        .authorized_client(Credential::anonymous())
        .expect("a client");
    let isolated = isolated(plugin, staging);
    type Kind = (&'static str, fn(&dyn AuthorizedClient));
    let kinds: [Kind; 2] = [("trivial call", trivial), ("page of 100 branches", page)];
    let mut rows = Vec::new();
    for (what, call) in kinds {
        let least = per_call(|| call(&*direct));
        let ways = [
            ("static call", &direct),
            ("in-process plugin", &across),
            ("isolated plugin", &isolated),
        ];
        rows.extend(ways.map(|(how, client)| Row {
            what,
            how,
            took: per_call(|| call(&**client)),
            least,
        }));
    }
    rows
}

fn loader(staging: &Path, preflight: Option<Preflight>) -> Loader {
    Loader::new(LoaderOptions {
        staging_directory: Some(staging.to_owned()),
        library_limit: 1000,
        preflight,
        ..Default::default()
    })
}

/// First loads of new builds of a library, beside the time of its digest.
fn loads(library: &Path, folder: &Path) -> Vec<Row> {
    let original = fs::read(library).expect("the library");
    let digest = || {
        let begun = Instant::now();
        std::hint::black_box(Digest::of(&original));
        begun.elapsed()
    };
    let least = (0..LOADS).map(|_| digest()).min().unwrap_or_default();
    let ways = [
        ("without a trial", None),
        (
            "with a trial",
            Some(Preflight::by_this_program().expect("this program")),
        ),
    ];
    let mut builds = 0u32;
    ways.map(|(how, preflight)| {
        let mut load = |_| {
            // Another digest each time; nothing reads what is behind the code.
            builds += 1;
            let plugin = folder.join(format!("libbuild{builds}.so"));
            let bytes = [original.as_slice(), &builds.to_le_bytes()].concat();
            fs::write(&plugin, bytes).expect("a copy");
            let scratch = folder.join("scratch");
            loader(&scratch, None)
                .write_manifest(&plugin)
                .expect("a manifest");
            fs::remove_dir_all(&scratch).expect("the copies");
            let fresh = loader(&folder.join("staging"), preflight.clone());
            let begun = Instant::now();
            fresh.load(&plugin).expect("the plugin");
            let took = begun.elapsed();
            println!("{how}: {took:?}, {:?}", fresh.counts().loaded);
            took
        };
        Row {
            what: "first load",
            how,
            took: (0..LOADS).map(&mut load).min().unwrap_or_default(),
            least,
        }
    })
    .into()
}

/// The library of a package of the workspace, released.
fn released(package: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "-p", package])
        .current_dir(&workspace)
        .status()
        .expect("cargo");
    assert!(built.success(), "{package} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| workspace.join("target"));
    let name = package.replace('-', "_");
    target.join("release").join(format!("lib{name}.so"))
}

fn main() -> ExitCode {
    if let Some(code) = vcs_plugin_host::serve_child_process() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    let named = arguments.iter().position(|argument| argument == "--plugin");
    let library = named.and_then(|place| arguments.get(place + 1));
    let library = library.map_or_else(|| released("vcs-bitbucketcloud"), PathBuf::from);
    let folder = tempfile::tempdir().expect("a directory");
    let quick = folder.path().join("libquick.so");
    fs::copy(released("vcs-misbehaving"), &quick).expect("a copy");
    let staging = folder.path().join("staging");
    loader(&staging, None)
        .write_manifest(&quick)
        .expect("a manifest");
    let mut rows = calls(&quick, &staging);
    rows.extend(loads(&library, folder.path()));
    let as_json = arguments.iter().any(|argument| argument == "--json");
    for row in rows {
        let (took, least) = (row.took.as_secs_f64() * 1e6, row.least.as_secs_f64() * 1e6);
        if as_json {
            let (what, how, ratio) = (row.what, row.how, row.ratio());
            let line = serde_json::json!({
                "what": what, "how": how, "microseconds": took, "least": least, "ratio": ratio,
            });
            println!("{line}");
        } else {
            println!(
                "| {} | {} | {took:.2} µs | {least:.2} µs | {:.2} |",
                row.what,
                row.how,
                row.ratio()
            );
        }
    }
    ExitCode::SUCCESS
}
