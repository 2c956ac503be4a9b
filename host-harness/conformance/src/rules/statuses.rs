//! Rules about build statuses and reports. They cannot be deleted: they stay on
//! the newest commit of the writable repository, under keys that begin with
//! `conformance-`.

use super::super::context::TestContext;
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use super::refs::start;
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "status.same-key",
        title: "a status of the same key replaces",
        asserts: "Set twice under one key with another state, a commit has one status of that \
                  key, with the second state.",
        needs: &["set_status", "list_statuses", "branch"],
        check: same_key_replaces,
    },
    Rule {
        id: "status.long-keys",
        title: "long keys stay distinct and stable",
        asserts: "Two keys of 200 characters that differ at the end only become two statuses; set \
                  again, each becomes the same status as before.",
        needs: &["set_status", "list_statuses", "branch"],
        check: long_keys_stay_distinct,
    },
    Rule {
        id: "status.every-state",
        title: "every state of the engine is taken",
        asserts: "Each state can be set. Those of a build that runs or will run are shown as \
                  running or waiting, those of a build that ended as ended, so that no status \
                  stays pending for ever.",
        needs: &["set_status", "branch"],
        check: every_state_is_taken,
    },
    Rule {
        id: "insight.published",
        title: "a report is published with its annotations, also a second time",
        asserts: "A report with two annotations says that both were published and names nothing \
                  left out; published again under the same id it is replaced.",
        needs: &["create_insight_report", "branch"],
        check: report_is_published,
    },
];

struct Commit {
    repo: String,
    hash: String,
}

fn commit(test: &TestContext<'_>) -> std::result::Result<Commit, Failure> {
    let repo = test.writable()?;
    let hash = start(test, &repo)?;
    Ok(Commit { repo, hash })
}

impl Commit {
    fn set(
        &self,
        test: &TestContext<'_>,
        key: &str,
        state: BuildState,
    ) -> std::result::Result<Status, Failure> {
        let request = StatusRequest {
            repo: self.repo.clone(),
            commit: self.hash.clone(),
            key: key.to_owned(),
            name: "conformance".to_owned(),
            state,
            url: "https://ci.example.org/conformance/1".to_owned(),
            description: "set by the conformance kit".to_owned(),
            ..Default::default()
        };
        test.client
            .set_status(&test.context(), request)
            .works(&format!(
                "set_status {state} with a key of {} characters",
                key.len()
            ))
    }

    fn statuses(&self, test: &TestContext<'_>) -> std::result::Result<Vec<Status>, Failure> {
        collect(|sink| {
            let request = StatusesRequest {
                repo: self.repo.clone(),
                commit: self.hash.clone(),
                limit: None,
                ..Default::default()
            };
            test.client.list_statuses(&test.context(), request, sink)
        })
        .works("list_statuses")
    }
}

/// `status.same-key`
pub fn same_key_replaces(test: &TestContext<'_>) -> Verdict {
    let commit = commit(test)?;
    let key = test.unique("key");
    let first = commit.set(test, &key, BuildState::BUILDING)?;
    let second = commit.set(test, &key, BuildState::SUCCESS)?;
    ensure(first.key == second.key, || {
        format!("one key became {:?} and {:?}", first.key, second.key)
    })?;
    let mut found = commit.statuses(test)?;
    found.retain(|status| status.key == first.key);
    ensure(found.len() == 1, || {
        format!("the commit has {} statuses of one key", found.len())
    })?;
    ensure(found[0].state == BuildState::SUCCESS, || {
        format!("the second state is Success, listed is {}", found[0].state)
    })
}

/// `status.long-keys`
pub fn long_keys_stay_distinct(test: &TestContext<'_>) -> Verdict {
    let commit = commit(test)?;
    let long = |end: char| {
        let mut key = test.unique("long-");
        while key.len() < 199 {
            key.push('x');
        }
        key.push(end);
        key
    };
    let mut kept = Vec::new();
    for end in ['a', 'b'] {
        let first = commit.set(test, &long(end), BuildState::BUILDING)?;
        let second = commit.set(test, &long(end), BuildState::SUCCESS)?;
        ensure(first.key == second.key, || {
            format!(
                "the same long key became {:?} and then {:?}",
                first.key, second.key
            )
        })?;
        kept.push(first.key);
    }
    ensure(kept[0] != kept[1], || {
        format!("two long keys became one: {:?}", kept[0])
    })?;
    let listed = commit.statuses(test)?;
    let missing = kept
        .iter()
        .find(|key| !listed.iter().any(|status| status.key == **key));
    ensure(missing.is_none(), || {
        format!("set, but not listed: {missing:?}")
    })
}

/// `status.every-state`
pub fn every_state_is_taken(test: &TestContext<'_>) -> Verdict {
    let commit = commit(test)?;
    let key = test.unique("states");
    let is_pending = |state: BuildState| {
        matches!(
            state,
            BuildState::WAITING | BuildState::CHECKING | BuildState::BUILDING
        )
    };
    let mut cases = Cases::default();
    for state in BuildState::ALL {
        cases.add(commit.set(test, &key, *state).and_then(|status| {
            ensure(is_pending(status.state) == is_pending(*state), || {
                format!(
                    "{state} was set, the service shows {} ({:?})",
                    status.state, status.service_state
                )
            })?;
            let kept_success =
                (status.state == BuildState::SUCCESS) == (*state == BuildState::SUCCESS);
            ensure(kept_success, || {
                format!("{state} was set, the service shows {}", status.state)
            })
        }));
    }
    cases.verdict("there is no state")
}

/// `insight.published`
pub fn report_is_published(test: &TestContext<'_>) -> Verdict {
    let commit = commit(test)?;
    let id = test.unique("report");
    let annotation = |number: u64| Annotation {
        id: format!("{id}-{number}"),
        path: Some("README.md".to_owned()),
        line: Some(number),
        summary: "found by the conformance kit".to_owned(),
        ..Default::default()
    };
    for which in ["the first", "the second"] {
        let request = InsightReportRequest {
            repo: commit.repo.clone(),
            commit: commit.hash.clone(),
            id: id.clone(),
            title: "conformance".to_owned(),
            details: "published by the conformance kit".to_owned(),
            result: Some(ReportResult::PASSED),
            annotations: vec![annotation(1), annotation(2)],
            ..Default::default()
        };
        let report = test
            .client
            .create_insight_report(&test.context(), request)
            .works(&format!("{which} time create_insight_report"))?;
        ensure(
            report.id == id && report.annotations == 2 && report.warnings.is_empty(),
            || format!("{which} time: two annotations were sent, published was {report:?}"),
        )?;
    }
    Ok(())
}
