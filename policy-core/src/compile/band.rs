//! Bands: what a breach means.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::report::Report;
use crate::policy::Band;
use crate::template::{BeyondRule, RoleInfo};

/// What a breach means.
pub(crate) fn compile(
    rule: &BeyondRule,
    pointer: &str,
    roles: &BTreeMap<String, RoleInfo>,
    report: &mut Report<'_>,
) -> Band {
    match rule {
        BeyondRule::Deny => Band::Deny,
        BeyondRule::Approval(role) => {
            if !roles.contains_key(role) {
                report.unknown(&format!("{pointer}/approval"), "role", role, roles.keys().map(String::as_str));
            }
            Band::Approval(role.clone())
        }
    }
}
