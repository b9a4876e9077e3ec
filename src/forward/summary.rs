//! A summary with the quantiles 0.5, 0.9 and 0.99 over the last ten minutes, as Prometheus's own client makes it;
//! the crate `prometheus` has none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary};
use tokio::time::Instant;

const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// Observations older than this do not count for quantiles (client_golang's default).
const MAX_AGE: Duration = Duration::from_secs(600);
/// At most this many observations count, the newest.
const MAX_SAMPLES: usize = 1024;

#[derive(Debug, Default)]
struct Series {
    count: u64,
    sum: f64,
    samples: VecDeque<(Instant, f64)>,
}

/// Summaries that differ in one label.
#[derive(Debug, Clone)]
pub(super) struct SummaryVec(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    desc: Desc,
    label: String,
    series: Mutex<BTreeMap<String, Series>>,
}

impl SummaryVec {
    pub(super) fn new(name: &str, help: &str, label: &str) -> Result<Self, prometheus::Error> {
        let desc = Desc::new(
            name.to_owned(),
            help.to_owned(),
            vec![label.to_owned()],
            std::collections::HashMap::new(),
        )?;
        Ok(Self(Arc::new(Inner { desc, label: label.to_owned(), series: Mutex::default() })))
    }

    pub(super) fn observe(&self, value: &str, observed: f64, now: Instant) {
        let mut all = self.0.series.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(value.to_owned()).or_default();
        series.count += 1;
        series.sum += observed;
        if series.samples.len() >= MAX_SAMPLES {
            series.samples.pop_front();
        }
        series.samples.push_back((now, observed));
    }

    pub(super) fn remove(&self, value: &str) {
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner).remove(value);
    }
}

impl Series {
    fn summary(&self, now: Instant) -> Summary {
        let mut recent: Vec<f64> = self
            .samples
            .iter()
            .filter(|(at, _)| now.saturating_duration_since(*at) < MAX_AGE)
            .map(|(_, value)| *value)
            .collect();
        recent.sort_by(f64::total_cmp);
        let mut summary = Summary::default();
        summary.set_sample_count(self.count);
        summary.set_sample_sum(self.sum);
        summary.set_quantile(
            QUANTILES
                .iter()
                .map(|quantile| {
                    let rank = (quantile * recent.len() as f64).ceil() as usize;
                    let mut pair = Quantile::default();
                    pair.set_quantile(*quantile);
                    pair.set_value(recent.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN));
                    pair
                })
                .collect(),
        );
        summary
    }
}

impl Collector for SummaryVec {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = Instant::now();
        let all = self.0.series.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Vec::new();
        }
        let metrics = all.iter().map(|(value, series)| {
            let mut label = LabelPair::default();
            label.set_name(self.0.label.clone());
            label.set_value(value.clone());
            let mut metric = Metric::from_label(vec![label]);
            metric.set_summary(series.summary(now));
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(self.0.desc.fq_name.clone());
        family.set_help(self.0.desc.help.clone());
        family.set_field_type(MetricType::SUMMARY);
        family.set_metric(metrics.collect());
        vec![family]
    }
}
