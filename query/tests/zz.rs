use query::check::{self, Source};
#[test]
fn each() {
    let deep = |open: &str, close: &str, n: usize| {
        format!("let a = {}cpu{}", open.repeat(n), close.repeat(n))
    };
    for (i, text) in [
        deep("(", ")", 50_000),
        deep("not ", "", 50_000),
        deep("-", "", 50_000),
        deep("[", "]", 50_000),
        deep("avg(", " over 5m)", 50_000),
        deep("service[", "].state", 50_000),
        deep("x ?? ", "", 50_000),
        deep("x at ", "", 50_000),
        format!("let a = cpu{}", " + cpu".repeat(50_000)),
    ].into_iter().enumerate() {
        eprintln!("{i}");
        std::thread::Builder::new().stack_size(16<<20).spawn(move || {
        check::program(&[Source::new("a", text)]);}).unwrap().join().unwrap();
    }
    eprintln!("sizes {}", std::mem::size_of::<query::ast::Expr>());
}
