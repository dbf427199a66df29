//! Metrics the guest defines.

use super::{MetricType, Status};
use std::collections::BTreeMap;

/// What a metric holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricValue {
    /// Sum of all increments.
    Counter(u64),
    /// Present level; never below 0.
    Gauge(u64),
    /// Samples recorded so far.
    Histogram {
        /// Number of samples.
        count: u64,
        /// Sum of the samples, saturating.
        sum: u64,
    },
}

/// The metrics of one VM. They outlive a reload, as a gateway's statistics do.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    defined: Vec<(String, MetricValue)>,
    ids: BTreeMap<(String, MetricType), u32>,
}

impl Metrics {
    /// The id for a name: the same one each time for the same name and kind, so that instances
    /// after a reload keep counting where the last one stopped.
    pub(crate) fn define(&mut self, kind: MetricType, name: String, most: usize) -> Result<u32, Status> {
        if let Some(id) = self.ids.get(&(name.clone(), kind)) {
            return Ok(*id);
        }
        if self.defined.len() >= most {
            return Err(Status::InternalFailure);
        }
        let id = u32::try_from(self.defined.len()).map_err(|_| Status::InternalFailure)?;
        let empty = match kind {
            MetricType::Counter => MetricValue::Counter(0),
            MetricType::Gauge => MetricValue::Gauge(0),
            MetricType::Histogram => MetricValue::Histogram { count: 0, sum: 0 },
        };
        self.defined.push((name.clone(), empty));
        self.ids.insert((name, kind), id);
        Ok(id)
    }

    /// Adds `offset`; a counter only grows, a histogram cannot be incremented.
    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Result<(), Status> {
        match self.value_mut(id)? {
            MetricValue::Counter(value) => {
                let offset = u64::try_from(offset).map_err(|_| Status::BadArgument)?;
                if offset == 0 {
                    return Err(Status::BadArgument);
                }
                *value = value.saturating_add(offset);
            }
            MetricValue::Gauge(value) => *value = value.saturating_add_signed(offset),
            MetricValue::Histogram { .. } => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// Adds to a counter, sets a gauge, records a sample of a histogram: as Envoy does.
    pub(crate) fn record(&mut self, id: u32, new: u64) -> Result<(), Status> {
        match self.value_mut(id)? {
            MetricValue::Counter(value) => *value = value.saturating_add(new),
            MetricValue::Gauge(value) => *value = new,
            MetricValue::Histogram { count, sum } => {
                *count = count.saturating_add(1);
                *sum = sum.saturating_add(new);
            }
        }
        Ok(())
    }

    /// Value of a counter or gauge.
    pub(crate) fn read(&self, id: u32) -> Result<u64, Status> {
        match self.defined.get(index(id)?).ok_or(Status::NotFound)?.1 {
            MetricValue::Counter(value) | MetricValue::Gauge(value) => Ok(value),
            MetricValue::Histogram { .. } => Err(Status::BadArgument),
        }
    }

    /// Everything defined so far, in the order of definition.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, MetricValue)> {
        self.defined.iter()
    }

    fn value_mut(&mut self, id: u32) -> Result<&mut MetricValue, Status> {
        let metric = self.defined.get_mut(index(id)?).ok_or(Status::NotFound)?;
        Ok(&mut metric.1)
    }
}

fn index(id: u32) -> Result<usize, Status> {
    usize::try_from(id).map_err(|_| Status::NotFound)
}
