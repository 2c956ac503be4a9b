//! Runs rules one after the other and never hangs on one.

use super::context::{Facts, TestContext};
use super::report::{Outcome, Report, RuleReport};
use super::rule::Rule;
use super::rules;
use super::target::Target;
use super::verdict::{Failure, Verdict};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use vcs_provider_interface::context::Cancellation;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::info::ProviderInfo;
use vcs_provider_interface::provider::{AuthorizedClient, VcsServer};

/// How long a rule may take before it is given up, unless told otherwise.
const RULE_LIMIT: Duration = Duration::from_secs(300);

/// A conformance run: which provider, on what, by which rules.
pub struct Run {
    server: Arc<dyn VcsServer>,
    info: Arc<ProviderInfo>,
    target: Arc<Target>,
    rules: Vec<Rule>,
    rule_limit: Duration,
    cancellation: Cancellation,
}

impl Run {
    /// A run of every rule.
    #[must_use]
    pub fn new(server: Arc<dyn VcsServer>, info: ProviderInfo, target: Target) -> Self {
        Self {
            server,
            info: Arc::new(info),
            target: Arc::new(target),
            rules: rules::all(),
            rule_limit: RULE_LIMIT,
            cancellation: Cancellation::new(),
        }
    }

    /// The same run with only the rules that this accepts.
    #[must_use]
    pub fn only(mut self, accepts: impl Fn(&Rule) -> bool) -> Self {
        self.rules.retain(accepts);
        self
    }

    /// The same run, in which a rule is given up after this time.
    #[must_use]
    pub fn with_rule_limit(mut self, limit: Duration) -> Self {
        self.rule_limit = limit;
        self
    }

    /// The same run, in which no further rule is begun once this switch is thrown.
    #[must_use]
    pub fn cancelled_by(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Runs the rules. `begun` is told each rule before it runs, with its number
    /// from 0 and how many there are.
    ///
    /// # Errors
    /// What the server answers if it makes no client for the target's
    /// credential: then there is nothing to try.
    pub fn run(&self, mut begun: impl FnMut(usize, usize, &Rule)) -> Result<Report> {
        let client: Arc<dyn AuthorizedClient> = Arc::from(
            self.server
                .authorized_client(self.target.credential.clone())?,
        );
        let facts = Arc::new(Facts::default());
        let mut reports = Vec::with_capacity(self.rules.len());
        for (number, rule) in self.rules.iter().enumerate() {
            begun(number, self.rules.len(), rule);
            reports.push(self.run_rule(rule, &client, &facts));
        }
        Ok(Report {
            provider: ProviderInfo::clone(&self.info),
            repo: self.target.repo.clone(),
            rules: reports,
        })
    }

    fn run_rule(
        &self,
        rule: &Rule,
        client: &Arc<dyn AuthorizedClient>,
        facts: &Arc<Facts>,
    ) -> RuleReport {
        let begun = Instant::now();
        let lacking = rule.needs.iter().find(|needed| !self.info.can(needed));
        let verdict = match lacking {
            _ if self.cancellation.is_cancelled() => {
                Err(Failure::skipped("the run was interrupted"))
            }
            Some(lacking) => Err(Failure::skipped(format!(
                "the provider does not have `{lacking}`"
            ))),
            None => self.check_on_own_thread(*rule, client, facts),
        };
        RuleReport {
            id: rule.id.to_owned(),
            title: rule.title.to_owned(),
            outcome: Outcome::from(verdict),
            seconds: begun.elapsed().as_secs_f64(),
        }
    }

    /// A check that does not end, or panics, is a failure of its rule only: the
    /// thread of an endless call is left to itself.
    fn check_on_own_thread(
        &self,
        rule: Rule,
        client: &Arc<dyn AuthorizedClient>,
        facts: &Arc<Facts>,
    ) -> Verdict {
        let (answer, answered) = channel();
        let (server, client) = (Arc::clone(&self.server), Arc::clone(client));
        let (info, target) = (Arc::clone(&self.info), Arc::clone(&self.target));
        let facts = Arc::clone(facts);
        let check = move || {
            let verdict = (rule.check)(&TestContext {
                server: server.as_ref(),
                client: client.as_ref(),
                info: &info,
                target: &target,
                facts: &facts,
            });
            // Nobody listens if the rule was given up meanwhile.
            let _ = answer.send(verdict);
        };
        let spawned = std::thread::Builder::new()
            .name("conformance".to_owned())
            .spawn(check);
        let thread = match spawned {
            Ok(thread) => thread,
            Err(error) => {
                return Err(Failure::skipped(format!("a thread cannot begin: {error}")));
            }
        };
        match answered.recv_timeout(self.rule_limit) {
            Ok(verdict) => {
                // It has answered; what is left is its end.
                let _ = thread.join();
                verdict
            }
            Err(RecvTimeoutError::Timeout) => Err(Failure::failed(format!(
                "did not end within {} seconds and was given up",
                self.rule_limit.as_secs_f64()
            ))),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::failed("the check panicked: see standard error"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecordingHost;
    use vcs_provider_interface::records::Credential;

    struct Nothing;

    impl VcsServer for Nothing {
        fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
            Ok(Box::new(Self))
        }
    }

    impl AuthorizedClient for Nothing {}

    /// Runs these checks.
    fn outcomes(
        checks: &[fn(&TestContext<'_>) -> Verdict],
        limit: Duration,
        cancellation: Cancellation,
    ) -> Vec<Outcome> {
        let info = ProviderInfo::new("nothing", "Nothing", "0.1.0");
        let target = Target::new("a/b", Arc::new(RecordingHost::default()));
        let mut run = Run::new(Arc::new(Nothing), info, target)
            .with_rule_limit(limit)
            .cancelled_by(cancellation);
        run.rules = checks
            .iter()
            .map(|check| Rule {
                id: "made.up",
                title: "made up",
                asserts: "Nothing.",
                needs: &[],
                check: *check,
            })
            .collect();
        let report = run.run(|_, _, _| {});
        let rules = report.map(|report| report.rules).unwrap_or_default();
        rules.into_iter().map(|rule| rule.outcome).collect()
    }

    fn endless(_bench: &TestContext<'_>) -> Verdict {
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn an_endless_call_is_a_failure_of_its_rule_only() {
        let limit = Duration::from_secs(1);
        let found = outcomes(&[endless, |_| Ok(())], limit, Cancellation::new());
        let [Outcome::Failed { findings }, Outcome::Passed] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(findings[0].contains("given up"), "{findings:?}");
    }

    #[test]
    fn a_panic_is_a_failure_of_its_rule_only() {
        let checks: [fn(&TestContext<'_>) -> Verdict; 2] = [|_| panic!("in a check"), |_| Ok(())];
        let found = outcomes(&checks, RULE_LIMIT, Cancellation::new());
        let [Outcome::Failed { findings }, Outcome::Passed] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(findings[0].contains("panicked"), "{findings:?}");
    }

    #[test]
    fn an_interrupted_run_begins_no_further_rule() {
        let cancellation = Cancellation::new();
        cancellation.cancel();
        let found = outcomes(&[|_| panic!("begun")], RULE_LIMIT, cancellation);
        assert!(
            matches!(found.as_slice(), [Outcome::Skipped { reason }] if reason.contains("interrupted")),
            "{found:?}"
        );
    }
}
