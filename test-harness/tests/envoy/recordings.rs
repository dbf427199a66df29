//! Every bundled recording through a live Envoy: the decisions are those of the native core and of
//! the module in the harness.
