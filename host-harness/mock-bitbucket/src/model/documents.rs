//! What the service keeps and the mock only hands back: deploy keys, branch
//! restrictions, pipelines and their like, as JSON.

use serde_json::{Value, json};

use crate::model::mock::Mock;
use crate::sync::lock;

/// Documents of one kind that hang on one repository or workspace.
pub(crate) struct Documents<'a> {
    mock: &'a Mock,
    /// The kind and the uuid of what they hang on.
    key: (&'static str, String),
    /// The field that tells them apart.
    id: &'static str,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(
        mock: &'a Mock,
        kind: &'static str,
        home: impl Into<String>,
        id: &'static str,
    ) -> Self {
        Self {
            mock,
            key: (kind, home.into()),
            id,
        }
    }

    /// Who approved a commit: the account, and how it is shown.
    pub(crate) fn commit_approvals(mock: &'a Mock, repository: &str, hash: &str) -> Self {
        Self::new(
            mock,
            "commit approval",
            format!("{repository} {hash}"),
            "account",
        )
    }

    /// The rules for branches of a repository.
    pub(crate) fn branch_restrictions(mock: &'a Mock, repository: &str) -> Self {
        Self::new(mock, "branch restriction", repository, "id")
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Value> {
        lock(&self.mock.state)
            .documents
            .get(&self.key)
            .cloned()
            .unwrap_or_default()
    }

    /// The one with this identifier, a number or a text.
    pub(crate) fn find(&self, id: &str) -> Option<Value> {
        self.all().into_iter().find(|one| self.is(one, id))
    }

    fn is(&self, document: &Value, id: &str) -> bool {
        match &document[self.id] {
            Value::String(text) => text == id,
            Value::Number(number) => number.to_string() == id,
            _ => false,
        }
    }

    /// The number that comes next where identifiers are numbers.
    pub(crate) fn next_number(&self) -> u64 {
        let numbers = self.all();
        let largest = numbers.iter().filter_map(|one| one[self.id].as_u64()).max();
        largest.unwrap_or(0) + 1
    }

    /// Adds one, or puts it in place of the one with the same identifier.
    pub(crate) fn put(&self, document: Value) {
        let mut state = lock(&self.mock.state);
        let all = state.documents.entry(self.key.clone()).or_default();
        match all
            .iter_mut()
            .find(|kept| kept[self.id] == document[self.id])
        {
            Some(kept) => *kept = document,
            None => all.push(document),
        }
    }

    /// Changes fields of the one with this identifier. What it is then.
    pub(crate) fn change(&self, id: &str, fields: &[(&str, Value)]) -> Option<Value> {
        let mut document = self.find(id)?;
        for (name, value) in fields {
            document[*name] = json!(value);
        }
        self.put(document.clone());
        Some(document)
    }

    /// Removes one. Whether it was there.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut state = lock(&self.mock.state);
        let all = state.documents.entry(self.key.clone()).or_default();
        let before = all.len();
        all.retain(|one| !self.is(one, id));
        all.len() != before
    }
}
