// What of Debian's preact is used here. Attributes of elements are not checked: they are HTML's own names.
declare module "preact" {
  export type ComponentChild = any;
  export abstract class Component<P, S> {
    constructor(props?: P);
    state: S;
    props: P & { children?: any };
    setState<K extends keyof S>(state: Pick<S, K>): void;
    componentDidMount?(): void;
    componentWillUnmount?(): void;
    abstract render(props: P & { children?: any }, state: S): any;
  }
  export function h(type: any, props: any, ...children: any[]): any;
  export function render(node: any, into: Element): void;
}
declare namespace JSX {
  type Element = any;
  interface ElementClass {
    render: any;
  }
  interface ElementAttributesProperty {
    props: {};
  }
  interface IntrinsicAttributes {
    key?: string | number;
    ref?: (of: any) => void;
  }
  interface IntrinsicClassAttributes<_> {
    key?: string | number;
    ref?: (of: any) => void;
  }
  interface IntrinsicElements {
    [name: string]: any;
  }
}
