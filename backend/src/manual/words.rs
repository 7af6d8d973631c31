//! What man pages say besides what commands declare of themselves: more about them, examples, neighbours.

/// Of one command.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// Its page, without the section.
    pub(super) of: &'static str,
    /// What else there is to know, in paragraphs.
    pub(super) more: &'static [&'static str],
    /// When it ends with 1.
    pub(super) fails: &'static str,
    /// What for, and the line.
    pub(super) examples: &'static [(&'static str, &'static str)],
    /// Pages that have to do with it, besides those above and below it.
    pub(super) see: &'static [&'static str],
}

const FAILS: &str = "It cannot be done. Standard error says why.";

/// What most commands have.
const PLAIN: Words = Words { of: "", more: &[], fails: FAILS, examples: &[], see: &[] };

impl Words {
    /// Those of the command with this page.
    pub(super) fn of(page: &str) -> Self {
        WORDS.iter().find(|words| words.of == page).copied().unwrap_or(PLAIN)
    }
}

/// All, in the order of the commands.
pub(super) const WORDS: &[Words] = &[
    Words {
        of: "headroom",
        more: &[
            "One program is the agent on each node, the head that gathers what they report and serves the \
             page, and the commands that ask it. Without a command it is the head: see `headroom-serve`(1), \
             whose options it takes.",
            "Where the package is installed, `headroom.service` runs the head and `headroom-agent.service` \
             an agent; `headroom setup` sets them up.",
        ],
        examples: &[
            ("Serve the page to this machine, at http://127.0.0.1:8080:", "headroom"),
            ("Print this machine's memory, and what of it can be had:", "headroom free"),
            ("Find out why a number is missing or misleads:", "headroom doctor"),
        ],
        see: &["headroom-troubleshoot(7)", "free(1)", "systemctl(1)", "journalctl(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-serve",
        more: &[
            "It listens on this machine only, without a password, unless it is told an address. On any other \
             address there is TLS, with a certificate of the head's own unless one is given, and a password \
             (`headroom password`).",
            "It takes the settings file's keys as options, and the other way round; tables for alerts, \
             channels and exports stand in the file alone.",
        ],
        fails: "It cannot serve: the address is taken, the data directory cannot be used, or a certificate \
                is wrong. Standard error says which.",
        examples: &[
            (
                "Serve other machines, with TLS and a password:",
                "headroom serve --listen 0.0.0.0:8080",
            ),
            (
                "Behind a reverse proxy on this machine:",
                "headroom serve --trusted-proxies 127.0.0.1 --host-names dash.example.org",
            ),
        ],
        see: &[
            "headroom-agent(1)",
            "headroom-token(1)",
            "headroom-password(1)",
            "headroom-troubleshoot(7)",
        ],
    },
    Words {
        of: "headroom-agent",
        more: &[
            "`headroom token create` on the head prints the whole line. The token is read from standard input \
             or from a file that only its owner may read, never from an argument, which everybody on the node \
             could see.",
            "What is read while the head is away is kept, an hour at least, and sent later. The agent speaks to \
             no head but the one that proves to have the certificate of the fingerprint.",
        ],
        examples: &[
            (
                "Report to a head, with the token in a file:",
                "headroom agent --head https://192.168.1.10:8080 --fingerprint \
                 SHA256 --token-file \
                 /etc/headroom/secrets/token",
            ),
            (
                "The same as `headroom-agent.service`, with what the settings file says:",
                "headroom agent",
            ),
        ],
        see: &["headroom-token-create(1)", "headroom-troubleshoot(7)"],
        ..PLAIN
    },
    Words {
        of: "headroom-setup",
        more: &[
            "Without `--agent` it sets up this machine's head: it asks at the terminal what options do not say, \
             writes the settings, makes a certificate and a password where there are none, starts the service \
             and prints where the page is and what to run on each node.",
            "With `--agent` it sets up this machine as a node: it calls on the head first, and writes nothing if \
             the head is away, has another certificate or does not know the token.",
            "It can be run again: it changes what is said, and nothing else. Comments and other keys in the \
             settings file stay.",
        ],
        fails: "It cannot be done, such as when the service does not start. Standard error says why.",
        examples: &[
            ("Set up the head, and answer questions:", "sudo headroom setup"),
            (
                "Without questions, with tokens for two nodes:",
                "sudo headroom setup --listen 0.0.0.0:8080 --node pi-01,pi-02 --yes",
            ),
            (
                "Set up a node; the head prints this line:",
                "echo TOKEN | sudo headroom setup --agent --head https://192.168.1.10:8080 --fingerprint SHA256 \
                 --token-file -",
            ),
        ],
        see: &["headroom-token(1)", "headroom.toml(5)", "headroom-troubleshoot(7)", "systemctl(1)"],
    },
    Words {
        of: "headroom-free",
        more: &[
            "`used` is total less available. `held back` is the kernel's reserve, which no program can have.",
        ],
        examples: &[
            ("In bytes, for scripts:", "headroom free --json"),
            (
                "Every node of a head on another machine:",
                "headroom free --head https://192.168.1.10:8080 --fingerprint \
                 SHA256 --password-file pw",
            ),
        ],
        see: &["headroom-explain(1)", "free(1)", "proc_meminfo(5)"],
        ..PLAIN
    },
    Words {
        of: "headroom-fit",
        fails: "It does not fit, or the head cannot be asked. What is printed says which.",
        examples: &[
            ("Four copies of 3 GiB each:", "headroom fit 3GiB --copies 4"),
            (
                "The same for Open MPI, held for ten minutes so that nobody else is told the same nodes:",
                "headroom fit 3GiB --copies 4 --hold 10m --password-file pw --format openmpi",
            ),
        ],
        see: &["headroom-hold(1)", "mpirun(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-hold",
        examples: &[("What is held, and until when:", "headroom hold list")],
        see: &["headroom-fit(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-hold-list",
        examples: &[("For scripts:", "headroom hold list --json")],
        ..PLAIN
    },
    Words {
        of: "headroom-hold-release",
        examples: &[(
            "Give back what was held first:",
            "headroom hold release h1 --password-file pw",
        )],
        ..PLAIN
    },
    Words {
        of: "headroom-explain",
        examples: &[
            ("Where this machine's memory went:", "headroom explain"),
            (
                "That of a node, by the head on this machine:",
                "headroom explain --head http://127.0.0.1:8080 --node pi-07",
            ),
        ],
        see: &["headroom-free(1)", "free(1)", "proc_meminfo(5)"],
        ..PLAIN
    },
    Words {
        of: "headroom-doctor",
        more: &[
            "Each finding has a name, what it is, what was read that shows it, and the line that helps. \
             `headroom-troubleshoot`(7) has a paragraph about each. That something is found is no failure.",
        ],
        examples: &[
            ("What is missing or misleading here:", "headroom doctor"),
            (
                "On a Raspberry Pi, whether it was slowed down since boot:",
                "headroom doctor --ask-firmware",
            ),
        ],
        see: &["headroom-troubleshoot(7)"],
        ..PLAIN
    },
    Words {
        of: "headroom-token",
        examples: &[("Who may report:", "headroom token list")],
        see: &["headroom-agent(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-token-create",
        more: &[
            "The token is told once, and the head keeps its digest alone. It belongs to the machine that uses \
             it first, and lets it report as this node and nothing else.",
        ],
        examples: &[
            (
                "Print the line to run on the node that is to be called pi-07:",
                "sudo headroom token create pi-07",
            ),
            ("Lines for pi-01 to pi-16:", "sudo headroom token create pi --count 16"),
        ],
        see: &["headroom-agent(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-token-list",
        examples: &[("Who may report, and since when:", "sudo headroom token list")],
        ..PLAIN
    },
    Words {
        of: "headroom-token-revoke",
        more: &["Within a second the node is cut off. What it reported stays in history."],
        examples: &[("Shut pi-07 out:", "sudo headroom token revoke pi-07")],
        ..PLAIN
    },
    Words {
        of: "headroom-export",
        examples: &[
            (
                "A week in steps of five minutes, for a spreadsheet:",
                "headroom export --from -7d --step 5m --output week.csv",
            ),
            (
                "Every reading of a month, to be imported elsewhere:",
                "headroom export --from -30d --format jsonl --output month.jsonl",
            ),
        ],
        see: &["headroom-import(1)", "headroom-history(1)", "promtool(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-import",
        more: &["What is there already is skipped, and counted, so a file can be imported again."],
        fails: "A line is wrong, or the history cannot be written. What stood before the line is imported.",
        examples: &[("What `export` wrote elsewhere:", "headroom import month.jsonl")],
        see: &["headroom-export(1)"],
    },
    Words {
        of: "headroom-history",
        examples: &[("How far back it reaches, and will:", "headroom history status")],
        see: &["headroom-export(1)", "headroom-import(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-history-check",
        fails: "Something is damaged, or the history cannot be read. What is printed says what.",
        examples: &[("Verify every checksum:", "sudo headroom history check")],
        ..PLAIN
    },
    Words {
        of: "headroom-history-copy",
        examples: &[("While the head goes on:", "sudo headroom history copy backup.redb")],
        ..PLAIN
    },
    Words {
        of: "headroom-history-status",
        examples: &[("What a day takes, and how far the room reaches:", "headroom history status")],
        ..PLAIN
    },
    Words {
        of: "headroom-backup",
        more: &["The head goes on meanwhile. The file holds secrets, and is for its owner only."],
        examples: &[
            (
                "All that the head keeps, onto another disk:",
                "sudo headroom backup /media/usb/headroom.tar",
            ),
            (
                "Onto another machine, without writing on the card:",
                "sudo headroom backup - | ssh nas 'umask 077; cat > headroom.tar'",
            ),
        ],
        see: &["headroom-restore(1)", "headroom-history-copy(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-restore",
        more: &[
            "Every checksum is verified first. What there was is kept, and it is said where. A loss of power in \
             between leaves one state or the other.",
        ],
        examples: &[(
            "On this machine, or on a new card:",
            "sudo headroom restore /media/usb/headroom.tar",
        )],
        see: &["headroom-backup(1)"],
        ..PLAIN
    },
    Words {
        of: "headroom-alert",
        examples: &[("What harms at present:", "headroom alert list")],
        ..PLAIN
    },
    Words {
        of: "headroom-alert-list",
        examples: &[("Also what is over:", "headroom alert list --all")],
        ..PLAIN
    },
    Words {
        of: "headroom-alert-show",
        examples: &[("The seventh incident:", "headroom alert show 7")],
        ..PLAIN
    },
    Words {
        of: "headroom-alert-ack",
        examples: &[(
            "Only its end is told from now on:",
            "headroom alert ack 7 --password-file pw",
        )],
        ..PLAIN
    },
    Words {
        of: "headroom-alert-silence",
        examples: &[("Not for an hour:", "headroom alert silence 7 --for 1h --password-file pw")],
        ..PLAIN
    },
    Words {
        of: "headroom-alert-rules",
        examples: &[("What is watched for, and how channels fare:", "headroom alert rules")],
        ..PLAIN
    },
    Words {
        of: "headroom-alert-test",
        fails: "A channel did not take it, or the head names none. What is printed says which, and why.",
        examples: &[(
            "One channel alone:",
            "headroom alert test --channel phone --password-file pw",
        )],
        ..PLAIN
    },
    Words {
        of: "headroom-password",
        more: &["It is kept as argon2id. Setting it ends every session in every browser."],
        examples: &[
            ("Ask for it twice, at the terminal:", "sudo headroom password"),
            ("From a script:", "sudo headroom password --stdin < pw"),
        ],
        ..PLAIN
    },
    Words {
        of: "headroom-completions",
        more: &["The package has those of bash, zsh and fish, where these shells look for them."],
        examples: &[
            ("For the bash that runs:", "source <(headroom completions bash)"),
            (
                "For good, where there is no package:",
                "headroom completions fish > ~/.config/fish/completions/headroom.fish",
            ),
        ],
        see: &["bash(1)", "zsh(1)", "fish(1)"],
        ..PLAIN
    },
];
