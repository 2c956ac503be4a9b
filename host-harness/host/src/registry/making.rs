//! Makes an instance of a plugin for a server, in this process or another, and
//! lets it answer the probe.

use super::Shared;
use super::error::SwapError;
use super::generation::Generation;
use super::health::ProcessHealth;
use super::plugin::ReadyPlugin;
use super::settings::ServerSettings;
use super::slot::Slot;
use crate::isolation::{IsolatedServer, IsolationError};
use crate::loader::{NoResult, within};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::VcsServer;

/// Makes a server, in this process or another.
type Maker =
    dyn FnOnce() -> Result<(Box<dyn VcsServer>, Option<ProcessHealth>), IsolationError> + Send;

impl Shared {
    /// Makes an instance and lets it answer the probe.
    pub(super) fn make(
        &self,
        slot: &Slot,
        settings: &ServerSettings,
        plugin: &ReadyPlugin,
    ) -> Result<Generation, SwapError> {
        let server = slot.name().to_owned();
        let draining = slot.draining().len();
        if draining >= self.options.draining_limit {
            return Err(SwapError::TooManyDraining { server, draining });
        }
        let stop = self.loader.stop_switch();
        let limit = self.options.constructor_time_limit;
        let config = settings.config_toml.clone();
        let services = Arc::clone(&settings.services);
        let make = if settings.isolated {
            let Some(isolation) = self.options.isolation.clone() else {
                let reason = "the host has not said how".to_owned();
                return Err(SwapError::Isolation { server, reason });
            };
            let prepared = Arc::clone(&plugin.prepared);
            let make = move || {
                let started =
                    IsolatedServer::start(&isolation, &prepared, &config, services, limit)?;
                let process = ProcessHealth {
                    pid: started.process_id(),
                    confined: started.confined().to_vec(),
                };
                Ok((Box::new(started) as Box<dyn VcsServer>, Some(process)))
            };
            Box::new(make) as Box<Maker>
        } else {
            let provider = plugin.link(&self.loader)?.provider;
            Box::new(move || {
                let made = provider.new_server(&config, services);
                let made = made.map_err(IsolationError::Server)?;
                Ok((Box::new(made) as Box<dyn VcsServer>, None))
            })
        };
        let made = within(limit, stop, "provider-constructor", make);
        let (instance, process) = match made {
            Ok(Ok(made)) => made,
            Ok(Err(IsolationError::Server(error))) => {
                return Err(SwapError::Constructor { server, error });
            }
            Ok(Err(IsolationError::Load(error))) => return Err(error.into()),
            Ok(Err(IsolationError::Start(reason))) => {
                return Err(SwapError::Isolation { server, reason });
            }
            Err(NoResult::Stopped) => return Err(SwapError::Stopping),
            Err(NoResult::TimedOut | NoResult::Failed) => {
                return Err(SwapError::ConstructorTimedOut { server, limit });
            }
        };
        let number = self.counters.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let generation = Generation::new(
            number,
            plugin.clone(),
            instance,
            process,
            Arc::clone(&self.instances),
        );
        self.probe(server, generation)
    }

    fn probe(&self, server: String, generation: Generation) -> Result<Generation, SwapError> {
        let stop = self.loader.stop_switch();
        let limit = self.options.probe_time_limit;
        let probe = Arc::clone(&self.options.probe);
        let context = HostCallContext::new("probe").with_time_limit(limit);
        let probed = within(limit, stop, "provider-probe", move || {
            let outcome = generation
                .server()
                .and_then(|instance| probe(instance, &context));
            (generation, outcome)
        });
        match probed {
            Ok((generation, Ok(()))) => Ok(generation),
            Ok((_, Err(error))) => Err(SwapError::Probe { server, error }),
            Err(NoResult::Stopped) => Err(SwapError::Stopping),
            Err(NoResult::TimedOut | NoResult::Failed) => {
                Err(SwapError::ProbeTimedOut { server, limit })
            }
        }
    }
}
