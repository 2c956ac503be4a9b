//! A provider that does the wrong thing that its configuration names.
//!
//! The configuration is one word and not TOML: `good`, or one of the defects
//! below. Libraries that are wrong before a server is made are examples of this
//! package, one for each defect.

#![deny(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// Longer than any test waits.
const FOREVER: Duration = Duration::from_secs(3600);

struct Misbehaving;

impl Provider for Misbehaving {
    fn info() -> ProviderInfo {
        ProviderInfo::new("misbehaving", "Misbehaving", env!("CARGO_PKG_VERSION"))
            .with_capabilities(["branch", "branches"])
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        let defect = config_toml.trim().to_owned();
        match defect.as_str() {
            "panic in constructor" => panic!("in the constructor"),
            "error in constructor" => Err(VcsError::new(
                ErrorKind::CONFIG,
                "the key `colour` is not known",
            )),
            "slow constructor" => {
                std::thread::sleep(FOREVER);
                Ok(Box::new(Server { defect, host }))
            }
            _ => Ok(Box::new(Server { defect, host })),
        }
    }
}

struct Server {
    defect: String,
    host: Arc<dyn HostServices>,
}

impl Server {
    fn log(&self, message: &str) {
        self.host.log(LogRecord {
            level: LogLevel::INFO,
            target: "misbehaving".to_owned(),
            message: message.to_owned(),
            ..Default::default()
        });
    }
}

impl VcsServer for Server {
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        Ok(Box::new(Client {
            defect: self.defect.clone(),
        }))
    }

    fn webhooks_info(
        &self,
        _context: &dyn CallContext,
        _request: WebhooksInfoRequest,
    ) -> Result<WebhooksInfo> {
        match self.defect.as_str() {
            "error in probe" => Err(VcsError::new(ErrorKind::INTERNAL, "not today")),
            "panic in probe" => panic!("in the probe"),
            "endless probe" => {
                std::thread::sleep(FOREVER);
                Ok(WebhooksInfo::default())
            }
            _ => Ok(WebhooksInfo::default()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.log("the server was dropped");
        match self.defect.as_str() {
            "panic in drop" => panic!("in the drop of the server"),
            "endless drop" => std::thread::sleep(FOREVER),
            _ => {}
        }
    }
}

struct Client {
    defect: String,
}

impl AuthorizedClient for Client {
    fn branch(&self, context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        match self.defect.as_str() {
            "orders" => {
                let display_id = obey(request.name.as_deref().unwrap_or_default(), context)?;
                return Ok(Branch {
                    display_id,
                    ..Default::default()
                });
            }
            "panic in method" => panic!("in the method"),
            "panic on demand" if request.name.as_deref() == Some("panic") => {
                panic!("in the method")
            }
            "endless call" => std::thread::sleep(FOREVER),
            "thread left behind" => {
                std::thread::spawn(|| std::thread::sleep(FOREVER));
            }
            _ => {}
        }
        Ok(Branch {
            display_id: request.name.unwrap_or_default(),
            ..Default::default()
        })
    }

    /// A page of 100: what a page costs on the way to the host.
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

impl Drop for Client {
    fn drop(&mut self) {
        if self.defect == "panic in drop of client" {
            panic!("in the drop of the client");
        }
    }
}

/// Does what a request orders; the name of a branch is what came of it.
fn obey(order: &str, context: &dyn CallContext) -> Result<String> {
    let failed = |error: std::io::Error| VcsError::new(ErrorKind::INTERNAL, error.to_string());
    match order.split_once(' ') {
        Some(("read", path)) => return std::fs::read_to_string(path).map_err(failed),
        Some(("open", path)) => {
            let mut options = std::fs::OpenOptions::new();
            let opened = options.read(true).write(true).open(path);
            return opened.map(|_| String::new()).map_err(failed);
        }
        Some(("write", path)) => {
            return std::fs::write(path, "")
                .map(|()| String::new())
                .map_err(failed);
        }
        _ => {}
    }
    match order {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(3),
        "loop" => loop {
            std::hint::spin_loop();
        },
        "scribble" => scribble(),
        "overflow the stack" => Ok(overflow(0).to_string()),
        "eat memory" => {
            let mut eaten = Vec::new();
            loop {
                eaten.push(vec![1u8; 1 << 20]);
                std::hint::black_box(&eaten);
            }
        }
        "start a program" => {
            let status = std::process::Command::new("/bin/true")
                .status()
                .map_err(failed)?;
            Ok(status.to_string())
        }
        "wait for the cancellation" => {
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(VcsError::new(ErrorKind::CANCELLED, "as ordered"))
        }
        other => Ok(other.to_owned()),
    }
}

/// Writes over everything that stands in memory behind something of its own.
#[allow(unsafe_code)]
fn scribble() -> ! {
    let own = Box::new([0u8; 64]);
    let begin = Box::leak(own).as_mut_ptr();
    for offset in (0..).step_by(8) {
        // SAFETY: there is none; that is what a broken plugin does.
        unsafe { begin.wrapping_add(offset).write_volatile(0xab) };
    }
    std::process::abort()
}

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let kept = std::hint::black_box([depth; 512]);
    overflow(depth + 1) + kept[0]
}

vcs_provider_interface::export_provider!(Misbehaving);
