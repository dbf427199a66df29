//! Log, time, timers, contexts.

use super::super::memory::{Guest, Hostcall};
use super::super::{LogLevel, Status};

pub(super) fn log(guest: &mut Guest<'_>, level: u32, text: u32, size: u32) -> Hostcall {
    let level = LogLevel::try_from(level)?;
    let text = guest.bytes(text, size)?;
    let state = guest.state();
    if level >= state.options.log_level {
        let limits = &state.options.limits;
        state.durable.log.push(level, &text, limits.log_lines, limits.log_line_bytes);
    }
    Ok(())
}

pub(super) fn log_level(guest: &mut Guest<'_>, level_at: u32) -> Hostcall {
    let level = guest.state().options.log_level as u32;
    guest.write_u32(level_at, level)
}

pub(super) fn time(guest: &mut Guest<'_>, time_at: u32) -> Hostcall {
    let now = guest.state().options.clock.now();
    guest.write_u64(time_at, now)
}

/// The timer belongs to the plugin, also when a stream sets it.
pub(super) fn tick_period(guest: &mut Guest<'_>, period: u32) -> Hostcall {
    let state = guest.state();
    let now = state.options.clock.now();
    let root = state.active_root();
    let root = state.root_mut(root).ok_or(Status::BadArgument)?;
    root.tick_period = period;
    root.next_tick = now.saturating_add(u64::from(period) * 1_000_000);
    Ok(())
}

pub(super) fn effective_context(guest: &mut Guest<'_>, context: u32) -> Hostcall {
    Ok(guest.state().become_effective(context)?)
}

pub(super) fn done(guest: &mut Guest<'_>) -> Hostcall {
    let state = guest.state();
    let active = state.active();
    let root = state.root_mut(active).filter(|root| root.pending_done).ok_or(Status::NotFound)?;
    root.pending_done = false;
    root.done = true;
    Ok(())
}

pub(super) fn foreign_function(
    guest: &mut Guest<'_>,
    name: u32,
    name_size: u32,
    argument: u32,
    argument_size: u32,
    _value_at: u32,
    _size_at: u32,
) -> Hostcall {
    guest.bytes(name, name_size)?;
    guest.bytes(argument, argument_size)?;
    Err(Status::NotFound.into())
}
