// A value, as text, as JSON or byte by byte: whatever its writer made it.
import { Component, h } from "preact";
import { Bytes, hexDump, prettyJson, size, toUtf8 } from "./bytes";

type Form = "text" | "json" | "hex";
const kShownBytes: Record<Form, number> = { text: 65536, json: 65536, hex: 4096 };

// An editor for text would not give it back as it is.
export const isPlainText = (bytes: Bytes) => !/[\x00-\x08\x0b-\x1f\x7f]/.test(bytes) && toUtf8(bytes) !== null;

const shownAs = (value: Bytes, form: Form): string => {
  const text = toUtf8(value);
  if (form === "hex" || text === null) return hexDump(value);
  return form === "json" ? (prettyJson(text) ?? text) : text;
};

export class Value extends Component<{ of: Bytes }, { form?: Form; all?: boolean }> {
  render({ of }: { of: Bytes }, { form, all }: { form?: Form; all?: boolean }) {
    const text = toUtf8(of);
    const can: Record<Form, boolean> = {
      text: text !== null,
      json: text !== null && prettyJson(text) !== null,
      hex: true,
    };
    const chosen: Form = form && can[form] ? form : can.json ? "json" : can.text ? "text" : "hex";
    const most = kShownBytes[chosen];
    const is_cut = !all && of.length > most && chosen === "hex";
    const shown = shownAs(is_cut ? of.slice(0, most) : of, chosen);
    const shorter = all || shown.length <= most || chosen === "hex" ? shown : shown.slice(0, most);
    return (
      <div class="value">
        <div class="forms" role="group" aria-label="Show the value as">
          {(Object.keys(can) as Form[]).map((each) => (
            <button
              key={each}
              type="button"
              disabled={!can[each]}
              aria-pressed={each === chosen ? "true" : "false"}
              onClick={() => this.setState({ form: each })}
            >
              {{ text: "Text", json: "JSON", hex: "Hex" }[each]}
            </button>
          ))}
          <span class="note">{size(of.length)}</span>
        </div>
        {of === "" ? <p class="empty">The value is empty: no bytes.</p> : <pre tabIndex={0}>{shorter}</pre>}
        {(is_cut || shorter !== shown) && (
          <button type="button" onClick={() => this.setState({ all: true })}>
            Show all {size(of.length)}
          </button>
        )}
      </div>
    );
  }
}
