/** google.protobuf.Value as the encoder takes it: one member each. */
export type StructValue =
  | { readonly nullValue: 0 }
  | { readonly numberValue: number }
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly structValue: Struct }
  | { readonly listValue: { readonly values: readonly StructValue[] } };

export interface Struct {
  readonly fields: Readonly<Record<string, StructValue>>;
}

const structValue = (value: unknown): StructValue => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(structValue) } };
  if (typeof value === 'object' && value !== null) return { structValue: toStruct(value) };
  return { nullValue: 0 };
};

/** JSON as google.protobuf.Struct; whole numbers travel as doubles. */
export const toStruct = (members: object): Struct => ({
  // `__proto__` is a member like any other.
  fields: Object.assign(
    Object.create(null),
    Object.fromEntries(Object.entries(members).map(([name, value]) => [name, structValue(value)])),
  ) as Record<string, StructValue>,
});
