//! The engine's figures, in the text form that Prometheus reads.
//!
//! What happens is counted as it happens; how things stand is asked for when somebody
//! reads the figures.

use prometheus::{
    CounterVec, Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};

/// What every name begins with.
const NAMESPACE: &str = "vcs_engine";

/// Seconds that calls to services take: from a cached answer to a whole archive.
const CALL_SECONDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// Asks how many log lines were lost. The log belongs to whoever starts the engine.
#[derive(Clone, Default)]
pub struct LostLogLines(Option<Arc<dyn Fn() -> u64 + Send + Sync>>);

impl LostLogLines {
    /// A way to ask.
    #[must_use]
    pub fn new(count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(count)))
    }

    /// How many since the start; 0 where nobody counts.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |count| count())
    }
}

impl fmt::Debug for LostLogLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LostLogLines({})", self.count())
    }
}

/// What is counted as it happens.
pub struct Metrics {
    registry: Registry,
    /// `None` if the names were refused, which a test rules out.
    calls: Option<Calls>,
}

struct Calls {
    count: IntCounterVec,
    seconds: HistogramVec,
}

/// How things stand at one moment: one figure with its labels.
pub struct Figure {
    /// The name without the engine's own beginning.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Whether it only grows.
    pub is_total: bool,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// The values of the labels, and the figure.
    pub values: Vec<(Vec<String>, i64)>,
    /// What the figure is counted in: so many make one of what is shown.
    pub unit: u32,
}

impl Figure {
    /// A figure that may fall, without labels.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: i64) -> Self {
        Self {
            name,
            help,
            is_total: false,
            labels: &[],
            values: vec![(Vec::new(), value)],
            unit: 1,
        }
    }

    /// A count that only grows, without labels.
    #[must_use]
    pub fn total(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            is_total: true,
            ..Self::gauge(name, help, i64::try_from(value).unwrap_or(i64::MAX))
        }
    }

    /// How long something took altogether, which is shown in seconds.
    #[must_use]
    pub fn total_seconds(name: &'static str, help: &'static str, microseconds: u64) -> Self {
        Self {
            unit: 1_000_000,
            ..Self::total(name, help, microseconds)
        }
    }

    /// A figure by the value of one label.
    #[must_use]
    pub fn by(
        name: &'static str,
        help: &'static str,
        label: &'static [&'static str; 1],
        values: Vec<(String, i64)>,
    ) -> Self {
        Self {
            name,
            help,
            is_total: name.ends_with("_total"),
            labels: label,
            values: values
                .into_iter()
                .map(|(label, value)| (vec![label], value))
                .collect(),
            unit: 1,
        }
    }
}

fn failed(error: prometheus::Error) -> VcsError {
    VcsError::new(ErrorKind::INTERNAL, format!("the figures: {error}"))
}

impl Calls {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let count = Opts::new(
            "provider_calls_total",
            "Calls to providers that reach a service.",
        )
        .namespace(NAMESPACE);
        let count = IntCounterVec::new(count, &["server", "method", "result"])?;
        let seconds = HistogramOpts::new(
            "provider_call_seconds",
            "How long calls to providers took, in seconds.",
        )
        .namespace(NAMESPACE)
        .buckets(CALL_SECONDS.to_vec());
        let seconds = HistogramVec::new(seconds, &["server", "method"])?;
        registry.register(Box::new(count.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { count, seconds })
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Figures that begin at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let calls = Calls::register(&registry);
        if let Err(error) = &calls {
            tracing::error!(%error, "calls to providers are not counted");
        }
        Self {
            registry,
            calls: calls.ok(),
        }
    }

    /// Counts a call to a provider.
    pub fn call<T>(&self, server: &str, method: &str, result: &Result<T>, took: Duration) {
        let outcome = match result {
            Ok(_) => "Ok".to_owned(),
            Err(error) => error.kind.to_string(),
        };
        let Some(calls) = &self.calls else { return };
        calls
            .count
            .with_label_values(&[server, method, &outcome])
            .inc();
        calls
            .seconds
            .with_label_values(&[server, method])
            .observe(took.as_secs_f64());
    }

    /// The text, with how things stand now.
    ///
    /// # Errors
    /// `Internal` if two figures have one name.
    pub fn render(&self, figures: Vec<Figure>) -> Result<String> {
        let now = Registry::new();
        for figure in figures {
            register(&now, figure)?;
        }
        let mut families = self.registry.gather();
        families.extend(now.gather());
        families.sort_by(|left, right| left.name().cmp(right.name()));
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&families, &mut text)
            .map_err(failed)?;
        String::from_utf8(text)
            .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))
    }
}

fn register(registry: &Registry, figure: Figure) -> Result<()> {
    let options = Opts::new(figure.name, figure.help).namespace(NAMESPACE);
    let values = figure.values.iter().map(|(labels, value)| {
        (
            labels.iter().map(String::as_str).collect::<Vec<_>>(),
            *value,
        )
    });
    if figure.is_total {
        let counter = CounterVec::new(options, figure.labels).map_err(failed)?;
        for (labels, value) in values {
            // Exact up to 2^53, which no count here comes near.
            let value = value.max(0) as f64 / f64::from(figure.unit);
            counter.with_label_values(&labels).inc_by(value);
        }
        return registry.register(Box::new(counter)).map_err(failed);
    }
    let gauge = IntGaugeVec::new(options, figure.labels).map_err(failed)?;
    for (labels, value) in values {
        gauge.with_label_values(&labels).set(value);
    }
    registry.register(Box::new(gauge)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rendered_with_names_help_and_labels() {
        let metrics = Metrics::new();
        let error: Result<()> = Err(VcsError::new(ErrorKind::TIMEOUT, "late"));
        metrics.call("bb", "branches", &Ok(()), Duration::from_millis(30));
        metrics.call("bb", "branches", &error, Duration::from_secs(60));
        let text = metrics
            .render(vec![
                Figure::gauge("connections", "Open connections.", 3),
                Figure::total("lost_total", "Lost.", 4),
                Figure::total_seconds("writing_seconds_total", "Writing.", 1_500_000),
                Figure::by(
                    "events",
                    "Events.",
                    &["state"],
                    vec![("pending".to_owned(), 5)],
                ),
            ])
            .unwrap();
        for line in [
            "vcs_engine_provider_calls_total{method=\"branches\",result=\"Ok\",server=\"bb\"} 1",
            "vcs_engine_provider_calls_total{method=\"branches\",result=\"Timeout\",server=\"bb\"} 1",
            "vcs_engine_provider_call_seconds_count{method=\"branches\",server=\"bb\"} 2",
            "vcs_engine_connections 3",
            "vcs_engine_lost_total 4",
            "vcs_engine_writing_seconds_total 1.5",
            "# TYPE vcs_engine_lost_total counter",
            "vcs_engine_events{state=\"pending\"} 5",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
