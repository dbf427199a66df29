//! Codes of currencies (ISO 4217, lists one and two, in lower case).

use crate::diagnostic::nearest;

/// Those that most amounts are in: what a mistyped code most likely means.
const USUAL: [&str; 12] = ["eur", "usd", "gbp", "chf", "jpy", "cny", "inr", "cad", "aud", "sek", "pln", "brl"];

/// Every code, also of currencies that have ended in the last years: older amounts are still in them. Then codes that APIs use
/// beside the standard.
const CODES: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob bov brl bsd btn bwp byn bzd \
     cad cdf che chf chw clf clp cny cop cou crc cuc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf \
     gtq gyd hkd hnl hrk htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd \
     mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn mxv myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron \
     rsd rub rwf sar sbd scr sdg sek sgd shp sle sll sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx usd \
     usn uyi uyu uyw uzs ved ves vnd vuv wst xad xaf xag xau xba xbb xbc xbd xcd xcg xdr xof xpd xpf xpt xsu xts xua xxx yer zar \
     zmw zwg zwl btc eth xbt";

/// Whether a code is written like one: three letters.
pub(crate) fn is_written(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether some currency has the code, in either case.
pub(crate) fn is_known(code: &str) -> bool {
    CODES.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(code))
}

/// The code that was most likely meant.
pub(crate) fn near(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    nearest(&lower, USUAL).or_else(|| nearest(&lower, CODES.split_ascii_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_in_either_case_and_mistyped_ones_are_near() {
        assert!(is_known("eur") && is_known("JPY") && is_known("xcg") && !is_known("eru") && !is_known("eu"));
        assert!(CODES.split_ascii_whitespace().all(is_written));
        assert_eq!(near("eru"), Some("eur"));
        assert_eq!(near("euro"), Some("eur"));
        assert_eq!(near("usb"), Some("usd"));
        assert_eq!(near("huff"), Some("huf"));
        assert_eq!(near("bitcoin"), None);
    }
}
