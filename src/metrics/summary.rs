//! Summaries, which the metrics crate does not have: count, sum, and quantiles over the last minutes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary};
use tokio::time::Instant;

/// Quantiles look back this far (client_golang's default).
const WINDOW: Duration = Duration::from_secs(600);
/// More samples than this are not kept for quantiles: the newest count.
const SAMPLES_MAX: usize = 2048;
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// A summary for each combination of label values, with the quantiles 0.5, 0.9 and 0.99 of the last ten minutes.
#[derive(Debug, Clone)]
pub struct SummaryVec {
    desc: Desc,
    name: String,
    help: String,
    labels: Vec<String>,
    /// Held for single observations and for a scrape.
    series: Arc<Mutex<BTreeMap<Vec<String>, Series>>>,
}

#[derive(Debug, Default)]
struct Series {
    count: u64,
    sum: f64,
    recent: VecDeque<(Instant, f64)>,
}

impl SummaryVec {
    /// No series yet, under this name, help and labels.
    ///
    /// # Errors
    ///
    /// If the name or a label is not one.
    pub fn new(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels.clone(), HashMap::new())?;
        let series = Arc::new(Mutex::new(BTreeMap::new()));
        Ok(Self { desc, name: name.to_owned(), help: help.to_owned(), labels, series })
    }

    /// Shows a series from the start, with nothing observed.
    pub fn init(&self, values: &[&str]) {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.series.lock().unwrap_or_else(PoisonError::into_inner).entry(values).or_default();
    }

    /// Counts a sample in the series with these label values.
    pub fn observe(&self, values: &[&str], sample: f64) {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let now = Instant::now();
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(values).or_default();
        series.count += 1;
        series.sum += sample;
        series.recent.push_back((now, sample));
        if series.recent.len() > SAMPLES_MAX {
            series.recent.pop_front();
        }
    }

    /// Brings a series to these totals of what was observed elsewhere. For the quantiles the mean of what is new counts
    /// as one sample.
    pub fn advance_to(&self, values: &[&str], count: u64, sum: f64) {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(values).or_default();
        if count <= series.count {
            return;
        }
        let mean = (sum - series.sum) / (count - series.count) as f64;
        (series.count, series.sum) = (count, sum);
        series.recent.push_back((Instant::now(), mean));
        if series.recent.len() > SAMPLES_MAX {
            series.recent.pop_front();
        }
    }

    /// Forgets a series.
    pub fn remove(&self, values: &[&str]) {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        self.series.lock().unwrap_or_else(PoisonError::into_inner).remove(&values);
    }
}

impl Series {
    fn summary(&mut self, now: Instant) -> Summary {
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.recent.pop_front();
        }
        let mut sorted: Vec<f64> = self.recent.iter().map(|(_, sample)| *sample).collect();
        sorted.sort_by(f64::total_cmp);
        let quantiles = QUANTILES.map(|q| {
            let rank = (q * sorted.len() as f64).ceil() as usize;
            let mut quantile = Quantile::default();
            quantile.set_quantile(q);
            quantile.set_value(sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN));
            quantile
        });
        let mut summary = Summary::default();
        summary.set_sample_count(self.count);
        summary.set_sample_sum(self.sum);
        summary.set_quantile(quantiles.to_vec());
        summary
    }
}

impl Collector for SummaryVec {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = Instant::now();
        let mut family = MetricFamily::default();
        family.set_name(self.name.clone());
        family.set_help(self.help.clone());
        family.set_field_type(MetricType::SUMMARY);
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = all.iter_mut().map(|(values, series)| {
            let pairs = self.labels.iter().zip(values).map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name(name.clone());
                pair.set_value(value.clone());
                pair
            });
            let mut metric = Metric::from_label(pairs.collect());
            metric.set_summary(series.summary(now));
            metric
        });
        let metrics: Vec<Metric> = metrics.collect();
        if metrics.is_empty() {
            return Vec::new();
        }
        family.set_metric(metrics);
        vec![family]
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Encoder as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn quantiles_forget_and_sums_do_not() {
        let summary = SummaryVec::new("took_seconds", "How long it took.", &["what"]).unwrap();
        let registry = prometheus::Registry::new();
        registry.register(Box::new(summary.clone())).unwrap();
        for sample in 1..=100 {
            summary.observe(&["x"], f64::from(sample));
        }
        let text = || {
            let mut text = Vec::new();
            prometheus::TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        let before = text();
        assert!(before.contains("# TYPE took_seconds summary"), "{before}");
        assert!(before.contains("took_seconds{what=\"x\",quantile=\"0.9\"} 90\n"), "{before}");
        assert!(before.contains("took_seconds_sum{what=\"x\"} 5050\n"), "{before}");
        tokio::time::advance(WINDOW + Duration::from_secs(1)).await;
        let after = text();
        assert!(after.contains("quantile=\"0.9\"} NaN\n"), "{after}");
        assert!(after.contains("took_seconds_count{what=\"x\"} 100\n"), "{after}");
        summary.remove(&["x"]);
        assert_eq!(text(), "");
    }
}
