//! Telling other engines that there is something to do, and being told.
//!
//! What is told is only a hint, sent after the fact and at most every so often: who
//! misses it looks after a while all the same. It is never part of a transaction that
//! does work, because PostgreSQL makes such transactions wait for each other.

use super::settings::PostgresSettings;
use crate::store::Topic;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_postgres::AsyncMessage;

/// The channel.
const CHANNEL: &str = "engine";

/// The time in which news gather before they are told.
const GATHERING: Duration = Duration::from_millis(30);

/// The pause after the connection was lost.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Who is told of news.
pub(super) type Hearer = Arc<dyn Fn(Topic) + Send + Sync>;

/// The news of this engine that are to be told, and the way to those who hear.
#[derive(Default)]
pub(super) struct News {
    state: Mutex<State>,
    gathered: Notify,
}

#[derive(Default)]
struct State {
    to_tell: BTreeSet<Topic>,
    hearer: Option<Hearer>,
}

impl News {
    /// Has the others told.
    pub(super) fn tell(&self, topic: Topic) {
        if self.state().to_tell.insert(topic) {
            self.gathered.notify_one();
        }
    }

    /// Who is told of what others do, from now on.
    pub(super) fn hear(&self, hearer: Hearer) {
        self.state().hearer = Some(hearer);
    }

    fn heard(&self, topic: Topic) {
        let hearer = self.state().hearer.clone();
        if let Some(hearer) = hearer {
            hearer(topic);
        }
    }

    fn take(&self) -> BTreeSet<Topic> {
        std::mem::take(&mut self.state().to_tell)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells and hears until the runtime ends.
pub(super) fn start(runtime: &Handle, settings: PostgresSettings, news: Arc<News>, owner: String) {
    runtime.spawn(async move {
        loop {
            if let Err(reason) = exchange(&settings, &news, &owner).await {
                tracing::debug!(reason, "the connection for news of other engines was lost");
            }
            tokio::time::sleep(AFTER_FAILURE).await;
            // What was told meanwhile was not heard.
            for topic in Topic::ALL {
                news.heard(topic);
            }
        }
    });
}

async fn exchange(settings: &PostgresSettings, news: &News, owner: &str) -> Result<(), String> {
    let config = settings.config().map_err(|error| error.to_string())?;
    let tls = settings.tls().map_err(|error| error.to_string())?;
    let connected = config.connect(tls).await;
    let (client, mut connection) = connected.map_err(|error| error.to_string())?;
    let hearing = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(told)) => {
                    // `OWNER TOPIC`: what this engine told is no news to it.
                    if let Some((from, topic)) = told.payload().split_once(' ') {
                        if let Some(topic) = Topic::from_text(topic).filter(|_| from != owner) {
                            news.heard(topic);
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
        "it was closed".to_owned()
    };
    let telling = async {
        if let Err(error) = client.batch_execute(&format!("LISTEN {CHANNEL}")).await {
            return error.to_string();
        }
        loop {
            news.gathered.notified().await;
            tokio::time::sleep(GATHERING).await;
            for topic in news.take() {
                let told = format!("{owner} {}", topic.as_str());
                let sql = format!("SELECT pg_notify('{CHANNEL}', '{told}')");
                if let Err(error) = client.batch_execute(&sql).await {
                    return error.to_string();
                }
            }
        }
    };
    tokio::select! {
        reason = hearing => Err(reason),
        reason = telling => Err(reason),
    }
}
