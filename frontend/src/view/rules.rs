//! The rules by which harm is told, one line for each harm of the table, and the channels.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlInputElement, HtmlSelectElement};
use shared::alert::{AlertStatus, ChannelStatus, Harm, Quiet, Rule, Rules};
use shared::survey::Severity;
use shared::units::span;
use shared::wire::value_from_postcard;

use super::dom::{around, dress, find, follow, get, on, put, reveal, set, show, stamp};
use super::panel::Panel;
use crate::access::{Answer, Topic};
use crate::fit::quoted;
use crate::rules::{clock, json, minutes, number, unit};
use crate::store::Store;

const STATUS: &str = "/api/v1/alerts";
const RULES: &str = "/api/v1/alerts/rules";

/// The form as it is filled.
struct Form {
    root: Element,
    /// One line for each harm, in the order of the table.
    lines: Vec<Element>,
    /// The rules that the head told last.
    told: RefCell<Rules>,
}

/// Fills the panel of rules and channels.
pub(super) fn add_rules(root: &Element, store: Store) {
    let panel = Panel::of(root, "rules");
    let lines = find(&panel.body, "rule-lines");
    let lines = Harm::ALL.map(|harm| add_line(&lines, harm)).to_vec();
    let form = Rc::new(Form { root: panel.body.clone(), lines, told: RefCell::default() });
    let part = |name| find(&panel.body, name);
    let (saved, channels) = (form.clone(), part("channels"));
    on(part("rules-form"), "submit", move |event| {
        event.prevent_default();
        saved.complain("");
        store.say(Topic::Alerts, "PUT", RULES, Some(json(&saved.read())));
    });
    on(part("reset-rules"), "click", move |_| store.say(Topic::Alerts, "DELETE", RULES, None));
    on(&channels, "click", move |event| {
        if let Some(button) = around(&event, "button[data-channel]") {
            let body = ["{\"channel\":", &quoted(&get(&button, "data-channel")), "}"].concat();
            store.say(Topic::Test, "POST", "/api/v1/alerts/test", Some(body));
            show(&find(&channels_of(&button), "test-result"), "sending…");
        }
    });
    follow(move || {
        if panel.is_open() {
            store.ask_for(Topic::Alerts, STATUS);
        }
    });
    add_status(&form, store);
    add_test(&form, store);
}

/// The list that a channel's button is in.
fn channels_of(button: &Element) -> Element {
    button.closest("section").ok().flatten().unwrap_or_else(|| button.clone())
}

fn add_line(list: &Element, harm: Harm) -> Element {
    let (line, def) = (stamp("t-rule"), harm.def());
    put(list, &line);
    set(&line, "data-harm", def.id);
    show(&find(&line, "rule-label"), def.label);
    show(&find(&line, "rule-help"), def.help);
    let named = |name: &str, what: &str| {
        set(&find(&line, name), "aria-label", &[def.label, ": ", what].concat());
    };
    named("begin", "where it begins");
    named("begin-s", "for how many seconds before it begins");
    named("end", "where it ends");
    named("end-s", "for how many seconds before it ends");
    if let Some((word, unit, _)) = unit(def.level) {
        let back = match word {
            "above" => "at most",
            "within" => "later than",
            _ => "at least",
        };
        for (name, text) in
            [("begin-word", word), ("begin-unit", unit), ("end-word", back), ("end-unit", unit)]
        {
            show(&find(&line, name), text);
        }
    } else {
        for name in ["begin-level", "end-level"] {
            reveal(&find(&line, name), false);
        }
        for name in ["begin-for", "end-for"] {
            show(&find(&line, name), "after");
        }
    }
    line
}

fn input(root: &Element, name: &str) -> HtmlInputElement {
    find(root, name).unchecked_into()
}

impl Form {
    /// Fills the form with what the head told.
    fn write(&self, rules: &Rules) {
        for line in &self.lines {
            let Some(harm) = Harm::named(&get(line, "data-harm")) else { continue };
            let Some(rule) = rules.rule(harm) else { continue };
            let scale = unit(harm.def().level).map_or(1.0, |(.., scale)| scale);
            input(line, "enabled").set_checked(rule.enabled);
            input(line, "begin").set_value(&number(rule.begin / scale));
            input(line, "begin-s").set_value(&rule.begin_s.to_string());
            input(line, "end").set_value(&number(rule.end / scale));
            input(line, "end-s").set_value(&rule.end_s.to_string());
        }
        let quiet = rules.quiet.clone();
        input(&self.root, "quiet").set_checked(quiet.is_some());
        let quiet =
            quiet.unwrap_or(Quiet { from_min: 1320, to_min: 420, except: Some(Severity::Trouble) });
        input(&self.root, "quiet-from").set_value(&clock(quiet.from_min));
        input(&self.root, "quiet-to").set_value(&clock(quiet.to_min));
        let except: HtmlSelectElement = find(&self.root, "quiet-except").unchecked_into();
        except.set_value(quiet.except.map_or("", Severity::name));
        input(&self.root, "group-nodes").set_value(&rules.group_nodes.to_string());
        input(&self.root, "group-s").set_value(&rules.group_s.to_string());
        input(&self.root, "remind-h").set_value(&rules.remind_h.to_string());
        self.told.replace(rules.clone());
    }

    /// What the form says. What is no number stays as the head told it.
    fn read(&self) -> Rules {
        let mut rules = self.told.borrow().clone();
        let float = |root: &Element, name: &str, old: f64| {
            let value = input(root, name).value_as_number();
            if value.is_finite() { value } else { old }
        };
        let whole =
            |root: &Element, name: &str, old: u32| float(root, name, old.into()).max(0.0) as u32;
        rules.rules = Harm::ALL
            .iter()
            .zip(&self.lines)
            .map(|(&harm, line)| {
                let old = self.told.borrow().rule(harm).cloned();
                let old = old.unwrap_or_else(|| Rules::default().rules[harm as usize].clone());
                let scale = unit(harm.def().level).map_or(1.0, |(.., scale)| scale);
                Rule {
                    harm,
                    enabled: input(line, "enabled").checked(),
                    begin: float(line, "begin", old.begin / scale) * scale,
                    begin_s: whole(line, "begin-s", old.begin_s),
                    end: float(line, "end", old.end / scale) * scale,
                    end_s: whole(line, "end-s", old.end_s),
                }
            })
            .collect();
        let time = |name: &str| minutes(&input(&self.root, name).value());
        let except: HtmlSelectElement = find(&self.root, "quiet-except").unchecked_into();
        let except = [Severity::Trouble, Severity::Warning, Severity::Note]
            .into_iter()
            .find(|severity| severity.name() == except.value());
        rules.quiet = input(&self.root, "quiet").checked().then(|| Quiet {
            from_min: time("quiet-from").unwrap_or(1320),
            to_min: time("quiet-to").unwrap_or(420),
            except,
        });
        rules.group_nodes = whole(&self.root, "group-nodes", rules.group_nodes);
        rules.group_s = whole(&self.root, "group-s", rules.group_s);
        rules.remind_h = whole(&self.root, "remind-h", rules.remind_h);
        rules
    }

    /// Says what is wrong: beside the rule that is named, else below the form.
    fn complain(&self, why: &str) {
        let mut is_placed = why.is_empty();
        for line in &self.lines {
            let id = get(line, "data-harm");
            let is_of = !why.is_empty() && !is_placed && names(why, &id);
            is_placed |= is_of;
            show(&find(line, "rule-error"), if is_of { why } else { "" });
            dress(line, if is_of { "rule bad" } else { "rule" });
        }
        show(&find(&self.root, "rules-error"), if is_placed { "" } else { why });
    }
}

/// Whether the head complains of this harm: `low_share: …`. Some have names that are words elsewhere.
fn names(why: &str, id: &str) -> bool {
    let mut before = why.split(": ").map(|part| part.rsplit(' ').next().unwrap_or_default());
    before.any(|word| word == id)
}

fn add_status(form: &Rc<Form>, store: Store) {
    let part = |name| find(&form.root, name);
    let (fields, reset, state) = (part("rules-fields"), part("reset-rules"), part("rules-state"));
    let (save, may_not) = (part("save-rules"), part("rules-may-not"));
    let (list, none) = (part("channel-list"), part("no-channels"));
    let form = form.clone();
    let shown: RefCell<Option<Rc<Answer>>> = RefCell::default();
    follow(move || {
        let may = store.desk().session().is_some_and(|session| session.may_write);
        reveal(&save, may);
        reveal(&may_not, !may);
        if may {
            fields.remove_attribute("disabled").ok();
        } else {
            set(&fields, "disabled", "");
        }
        let told = store.told(Topic::Alerts);
        let is_same =
            shown.borrow().as_ref().zip(told.as_ref()).is_some_and(|(a, b)| Rc::ptr_eq(a, b));
        let Some(told) = told.filter(|_| !is_same) else { return };
        shown.replace(Some(told.clone()));
        let status: AlertStatus = match &*told {
            Ok(bytes) => match value_from_postcard(bytes) {
                Ok(status) => status,
                Err(_) => {
                    return form.complain("This head answers in a way that this page cannot read.");
                }
            },
            Err((404, _)) => return form.complain("This head is too old to tell of its rules."),
            Err((_, why)) => return form.complain(why),
        };
        form.complain("");
        form.write(&status.rules);
        reveal(&reset, may && status.is_changed);
        show(
            &state,
            if status.is_changed {
                "Changed here: they differ from the settings file."
            } else {
                "As the settings file says."
            },
        );
        reveal(&none, status.channels.is_empty());
        list.set_text_content(None);
        for channel in &status.channels {
            put(&list, &channel_line(channel, store, may));
        }
    });
}

fn channel_line(channel: &ChannelStatus, store: Store, may: bool) -> Element {
    let line = stamp("t-channel");
    let part = |name| find(&line, name);
    show(&part("channel-name"), &channel.name);
    show(&part("channel-kind"), &channel.kind);
    let sent = channel.sent_ms.map_or("nothing sent yet".into(), |at_ms| {
        let ago = store.live_ms().saturating_sub(at_ms) / 1000;
        ["last sent ", &span(ago), " ago"].concat()
    });
    let waiting = match channel.waiting {
        0 => String::new(),
        count => [&count.to_string(), " waiting · "].concat(),
    };
    let state = part("channel-state");
    show(
        &state,
        &match &channel.trouble {
            Some(why) => [&waiting, why.as_str()].concat(),
            None => [&waiting, sent.as_str()].concat(),
        },
    );
    dress(&state, if channel.trouble.is_some() { "wrong" } else { "" });
    let test = part("test");
    set(&test, "data-channel", &channel.name);
    set(&test, "aria-label", &["Send a test to ", &channel.name].concat());
    reveal(&test, may);
    line
}

/// Says what came of a test.
fn add_test(form: &Rc<Form>, store: Store) {
    let result = find(&form.root, "test-result");
    follow(move || {
        let told = store.told(Topic::Test);
        let text = match told.as_deref() {
            None => return,
            Some(Err((_, why))) => why.clone(),
            Some(Ok(bytes)) => outcome(&String::from_utf8_lossy(bytes)),
        };
        show(&result, &text);
    });
}

/// What a list of `{"channel", "error"}` says.
fn outcome(text: &str) -> String {
    use leptos::wasm_bindgen::JsValue;
    let list = js_sys::JSON::parse(text).unwrap_or(JsValue::NULL);
    let list: js_sys::Array = list.dyn_into().unwrap_or_default();
    let part = |one: &JsValue, key: &str| {
        js_sys::Reflect::get(one, &key.into()).ok().and_then(|value| value.as_string())
    };
    let words = list.iter().map(|one| {
        let name = part(&one, "channel").unwrap_or_default();
        let error = part(&one, "error").unwrap_or_else(|| "took the test.".into());
        [&name, ": ", &error].concat()
    });
    words.collect::<Vec<_>>().join(" ")
}
