/**
 * An agent of the AI SDK 7: its refunds wait for a person.
 *
 * There are two ways. `toolApproval` says yes or no before the tool runs. Where approvers may also correct a call, let
 * the tool ask: its function gets the arguments as they were approved.
 */

import { generateText, jsonSchema, type LanguageModel, stepCountIs, tool } from "ai";

import { type Ask, NotApproved, Signoff } from "./signoff.js";

interface Refund {
  order: string;
  amount: number;
}

const signoff = new Signoff(); // SIGNOFF_URL and SIGNOFF_API_KEY
const inputSchema = jsonSchema<Refund>({
  type: "object",
  properties: { order: { type: "string" }, amount: { type: "number" } },
  required: ["order", "amount"],
});

/** `pay` stands for what your agent does. */
export async function answer(model: LanguageModel, prompt: string, pay: (refund: Refund) => Promise<string>) {
  const taken = new Map<string, Ask>();
  return generateText({
    model,
    prompt,
    stopWhen: stepCountIs(5),
    tools: {
      refund: tool({
        description: "Pay money back for an order",
        inputSchema,
        execute: (input, { toolCallId }) => signoff.report(taken.get(toolCallId), () => pay(input)),
      }),
      refundAsCorrected: tool({
        description: "Pay money back for an order; a person may correct the amount",
        inputSchema,
        execute: ({ order, amount }, { toolCallId }) =>
          signoff.run("Refund", { order, amount }, { tool: "refund", editable: ["amount"], key: toolCallId }, (approved) =>
            pay({ order, amount: Number(approved["amount"]) }),
          ),
      }),
    },
    toolApproval: {
      refund: async ({ order, amount }, { toolCallId }) => {
        try {
          taken.set(toolCallId, await signoff.approve("Refund", { order, amount }, { tool: "refund" }, { key: toolCallId }));
          return "approved";
        } catch (error) {
          if (error instanceof NotApproved) return { type: "denied", reason: error.message };
          throw error;
        }
      },
    },
  });
}
