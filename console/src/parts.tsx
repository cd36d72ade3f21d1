// Small pieces that several views use.
import { Component, h } from "preact";
import { Refusal } from "./api";
import { Tone } from "./cluster";

export const Failure = ({ of }: { of: unknown }) => {
  const refusal = of instanceof Refusal ? of : new Refusal(0, "", of instanceof Error ? of.message : String(of));
  return (
    <div class="failure" role="alert">
      <strong>{refusal.message}</strong>
      {refusal.detail && <span> {refusal.detail}</span>}
      {refusal.hint && <span class="hint"> {refusal.hint}</span>}
      {refusal.code && <code class="code"> {refusal.code}</code>}
    </div>
  );
};

export const Empty = ({ children }: { children?: any }) => <p class="empty">{children}</p>;

// Never by colour alone: each tone has a shape.
const kShapes: Record<Tone, string> = { good: "\u25cf", warn: "\u25b2", bad: "\u2715", idle: "\u25cb" };
export const Dot = ({ tone }: { tone: Tone }) => (
  <span class={`dot ${tone}`} aria-hidden="true">
    {kShapes[tone]}
  </span>
);

export const Fact = ({ name, wide, children }: { name: string; wide?: boolean; children?: any }) => (
  <div class={wide ? "fact wide" : "fact"}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

export const number = (value: number | null | undefined) =>
  value === null || value === undefined ? "unknown" : value.toLocaleString("en");
export const clock = (at: Date) => at.toTimeString().slice(0, 8);

interface DialogProps {
  title: string;
  onClose: () => void;
  children?: any;
}
// The browser's own: it keeps the keyboard inside, and Esc closes it.
export class Dialog extends Component<DialogProps, {}> {
  private element?: HTMLDialogElement;
  componentDidMount() {
    this.element?.showModal();
  }
  componentWillUnmount() {
    this.element?.close(); // preact uses elements again, and the keyboard goes back to where it was
  }
  render({ title, onClose, children }: DialogProps) {
    return (
      <dialog ref={(element: any) => (this.element = element ?? undefined)} onClose={onClose} aria-label={title}>
        <h2>{title}</h2>
        {children}
      </dialog>
    );
  }
}

interface ConfirmProps {
  title: string;
  act: string;
  onAct: () => Promise<void>;
  onClose: () => void;
  children?: any;
}
export class Confirm extends Component<ConfirmProps, { failure?: unknown; busy?: boolean }> {
  private act = async (event: Event) => {
    event.preventDefault();
    this.setState({ busy: true, failure: undefined });
    try {
      await this.props.onAct();
      this.props.onClose();
    } catch (failure) {
      this.setState({ busy: false, failure });
    }
  };
  render({ title, act, onClose, children }: ConfirmProps, { failure, busy }: { failure?: unknown; busy?: boolean }) {
    return (
      <Dialog title={title} onClose={onClose}>
        <form onSubmit={this.act}>
          {children}
          {failure !== undefined && <Failure of={failure} />}
          <div class="actions">
            <button type="button" onClick={onClose} autofocus>
              Cancel
            </button>
            <button type="submit" class="danger" disabled={busy}>
              {act}
            </button>
          </div>
        </form>
      </Dialog>
    );
  }
}
