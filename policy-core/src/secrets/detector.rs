//! The detectors, each by its name.

use serde::{Deserialize, Serialize};

macro_rules! detectors {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $what:literal,)*) => {
        /// What looks for one kind of secret. The names are stable: pages switch detectors off by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Detector { $($(#[$doc])* $variant,)* }

        impl Detector {
            /// Every detector, in the order of this list.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it finds, for a message.
            pub(crate) const fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }
    };
}

detectors! {
    /// PEM and OpenPGP private key blocks.
    PrivateKey = "private_key": "a private key",
    /// Live secret and restricted keys of Stripe.
    Stripe = "stripe": "a live Stripe key",
    /// An AWS access key id together with its secret.
    Aws = "aws": "an AWS access key with its secret",
    /// Tokens of GitHub.
    Github = "github": "a GitHub token",
    /// Tokens of Slack.
    Slack = "slack": "a Slack token",
    /// Consumer secrets of WooCommerce.
    Woocommerce = "woocommerce": "a WooCommerce consumer secret",
    /// API keys of Google.
    Google = "google": "a Google API key",
    /// API keys of OpenAI.
    Openai = "openai": "an OpenAI key",
    /// API keys of Anthropic.
    Anthropic = "anthropic": "an Anthropic key",
    /// Service keys of Supabase.
    Supabase = "supabase": "a Supabase service key",
    /// Payment card numbers.
    Card = "card": "a card number",
}

impl Detector {
    /// The detector of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|detector| detector.name() == name)
    }
}
