//! The shop's products. A real shop would ask a database.

/// A product. The cart also accepts any other word as a `sku`; such a line has no price.
pub(crate) struct Good {
    pub(crate) sku: &'static str,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// In cents.
    pub(crate) price: u64,
}

pub(crate) const GOODS: [Good; 6] = [
    Good { sku: "tea", name: "Darjeeling", about: "First flush, loose leaf, 100 g", price: 890 },
    Good { sku: "coffee", name: "Coffee beans", about: "Medium roast, 250 g", price: 950 },
    Good { sku: "honey", name: "Linden honey", about: "From the roof next door, 500 g", price: 720 },
    Good { sku: "bread", name: "Rye bread", about: "Sourdough, baked this morning", price: 480 },
    Good { sku: "pears", name: "Pears", about: "Six, ripe on Thursday", price: 360 },
    Good { sku: "candle", name: "Beeswax candle", about: "Burns for forty hours", price: 1250 },
];

pub(crate) fn find(sku: &str) -> Option<&'static Good> {
    GOODS.iter().find(|good| good.sku == sku)
}

/// Formats `1250` as `12.50 €`.
pub(crate) fn euros(cents: u64) -> String {
    format!("{}.{:02} €", cents / 100, cents % 100)
}
