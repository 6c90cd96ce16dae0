use std::io::*;
fn main() {
    let pb = surety::playbook::Playbook::parse(
        surety::playbook::SHIPPED_POLICY,
        surety::playbook::SHIPPED_REASONS,
    )
    .map_err(|e| e.to_string())
    .unwrap();
    let o=surety::lab::replay::Options{columns:surety::lab::replay::Columns::parse("id=transaction_id,time=tx_datetime,account=customer_id,merchant=terminal_id,label=is_fraud").unwrap(),market:surety::domain::Country::parse("DE").unwrap(),currency:surety::domain::Currency::parse("EUR").unwrap(),limit:None,label_delay:surety::domain::Span::days(7),features:std::env::args().nth(2).is_some(),keep:vec!["is_fraud".into(),"scenario".into()],signals:Default::default()};
    let f = flate2::read::MultiGzDecoder::new(
        std::fs::File::open("/work/shared/data/handbook-transactions.csv.gz").unwrap(),
    );
    let mut out = BufWriter::new(std::fs::File::create(std::env::args().nth(1).unwrap()).unwrap());
    let t = std::time::Instant::now();
    let s = surety::lab::replay::replay(&pb, &o, f, &mut out, &|_| {}).unwrap();
    eprintln!("{:?} {:?}", t.elapsed(), s);
}
