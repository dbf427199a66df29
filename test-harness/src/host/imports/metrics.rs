//! Counters, gauges, histograms.

use super::super::MetricType;
use super::super::memory::{Guest, Hostcall};

pub(super) fn define(guest: &mut Guest<'_>, kind: u32, name: u32, name_size: u32, metric_at: u32) -> Hostcall {
    let kind = MetricType::try_from(kind)?;
    let name = guest.text(name, name_size)?;
    let state = guest.state();
    let id = state.durable.metrics.define(kind, name, state.options.limits.metrics)?;
    guest.write_u32(metric_at, id)
}

pub(super) fn increment(guest: &mut Guest<'_>, metric: u32, offset: i64) -> Hostcall {
    Ok(guest.state().durable.metrics.increment(metric, offset)?)
}

pub(super) fn record(guest: &mut Guest<'_>, metric: u32, value: u64) -> Hostcall {
    Ok(guest.state().durable.metrics.record(metric, value)?)
}

pub(super) fn read(guest: &mut Guest<'_>, metric: u32, value_at: u32) -> Hostcall {
    let value = guest.state().durable.metrics.read(metric)?;
    guest.write_u64(value_at, value)
}
