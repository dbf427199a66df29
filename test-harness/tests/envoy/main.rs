//! The filter inside a real Envoy: clients on one side, a recording upstream on the other.

mod answer;
mod bundle;
mod client_h1;
mod client_h2;
mod config;
mod deadline;
mod http1;
mod process;
mod shop;
mod upstream;

mod routing;
