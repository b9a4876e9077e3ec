fn main() {
    for path in std::env::args().skip(1) {
        let path = std::path::PathBuf::from(path);
        match tocsin::config::AlertmanagerFile::load(&path, Default::default()) {
            Ok(file) => {
                println!("{}", file.to_yaml());
                for notice in &file.notices {
                    eprintln!("NOTICE {notice}");
                }
            }
            Err(error) => println!("ERR {error}"),
        }
    }
}
